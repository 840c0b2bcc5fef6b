"""What can go wrong with notices."""

from uuid import UUID

from bankd.errors import BankError


class NoticeError(BankError):
    pass


class NoticeNotFound(NoticeError):
    def __init__(self, notice_id: UUID) -> None:
        super().__init__(f"there is no notice `{notice_id}`")
        self.notice_id = notice_id


class NoticeAlreadySent(NoticeError):
    def __init__(self, notice_id: UUID) -> None:
        super().__init__(f"notice `{notice_id}` was sent already")
        self.notice_id = notice_id


class NotSent(NoticeError):
    """A try failed: the target does not answer, or does not want it. It is tried again."""


class ChannelInvalid(NoticeError):
    """The settings of mail or webhook cannot be used; the message names the one to change."""
