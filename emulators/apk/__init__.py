"""The embedded phone as an Android app: a page in full screen, built with Debian's tools alone."""
