"""Classification networks without their classifiers, as the peers use them; one file each."""
