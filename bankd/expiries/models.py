"""Of what was told already that it ends."""

from datetime import datetime

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from bankd.db import Base


class Foretold(Base):
    """People were told of an end, so many days before it. A new end of the same thing is told anew."""

    __tablename__ = "foretold"

    subject: Mapped[str] = mapped_column(Text, primary_key=True)
    ref: Mapped[str] = mapped_column(Text, primary_key=True)
    what: Mapped[str] = mapped_column(Text, primary_key=True)
    ends_at: Mapped[datetime] = mapped_column(primary_key=True)
    days_ahead: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    told_at: Mapped[datetime]
