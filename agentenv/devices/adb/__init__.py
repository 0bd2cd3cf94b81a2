"""The real adb: devices driven by it alone, and the embedded phone behind it."""
