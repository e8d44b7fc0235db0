"""What each command does with experiments: run them, read what is recorded, bundle, train, report."""
