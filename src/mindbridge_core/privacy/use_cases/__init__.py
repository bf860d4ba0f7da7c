"""What can be done with consents and disclosures."""
