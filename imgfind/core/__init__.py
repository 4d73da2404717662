"""The public Python API of imgfind."""
