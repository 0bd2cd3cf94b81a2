"""Tasks on the apps that every Android has, judged by what the device itself tells."""
