"""Tasks on the embedded phone, written as data in ``data/tasks/phone/``."""
