"""The bank over HTTP: a shell around the services, with the words of the commands."""
