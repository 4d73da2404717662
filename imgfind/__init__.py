"""imgfind finds photos on your own disks, by words and by pictures. This module holds the version only."""

__version__ = "0.1.0"
