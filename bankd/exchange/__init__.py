"""Rights as others write them: ODRL policies and spreadsheets, in and out."""
