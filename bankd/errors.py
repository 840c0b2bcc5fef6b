"""The root of every error that bankd raises on purpose."""


class BankError(Exception):
    """Something a person asked for that cannot be done, said in one clear sentence.

    The message starts lower-case, has no full stop and puts what the user
    gave us in backticks. Subclasses carry the facts as attributes.
    """
