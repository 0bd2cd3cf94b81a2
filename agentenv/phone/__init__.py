"""The embedded phone: apps written as data, whose whole state is one in-memory database."""
