"""What is owed for uses: fees, accruals, statements."""
