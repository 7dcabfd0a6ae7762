"""What hostler is compared with; each is a script for an interpreter of its own."""
