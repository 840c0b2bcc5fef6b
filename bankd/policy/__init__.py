"""The rules of use: read, validated, asked, compiled to SQL, explained. The rules stand in `policies/`."""
