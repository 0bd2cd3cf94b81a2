"""Android emulators in containers: what they are made of, and their life."""
