"""Android: emulators and handsets, driven by adb or by Appium."""
