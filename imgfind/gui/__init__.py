"""The window. Knows the core and Qt; nobody knows it but the program that starts it."""
