"""Start one program and, if asked, without root's privileges and in a session of its own.

Run as a script by `processes` in a fresh isolated interpreter (so it imports
the standard library only): forking the caller itself would copy its threads'
locks, and a child of the caller would be its zombie once killed.

argv[1] is JSON {argv, env, cwd, drop, folder, log}. A folder is passed open as
descriptor 3. With a log the program is started in the background and stdout
says {pid} or {error} in JSON; without, it replaces us.
"""

import ctypes
import json
import os
import sys
from pathlib import Path
from typing import Any

CLONE_NEWUSER = 0x10000000
PASSED = 3


def into_namespace(name_as: int) -> None:
    """Be the user `name_as` without capabilities, who still owns the files that we own."""
    uid, gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER):
        number = ctypes.get_errno()
        raise OSError(number, f"no user namespace: {os.strerror(number)}")
    for name, text in (
        ("uid_map", f"{name_as} {uid} 1"),
        ("setgroups", "deny"),
        ("gid_map", f"{name_as} {gid} 1"),
    ):
        Path(f"/proc/self/{name}").write_text(text)


def become(uid: int) -> None:
    """Become `uid`, and the group of the same number, for good."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def execute(order: dict[str, Any]) -> None:
    os.umask(0o077)
    os.chdir(order["cwd"])
    if order["folder"]:
        os.dup2(os.open(order["folder"], os.O_RDONLY | os.O_DIRECTORY), PASSED)
        os.set_inheritable(PASSED, True)  # which dup2 leaves undone where it was opened as that number
    if order["drop"]:
        way, user = order["drop"]
        {"namespace": into_namespace, "user": become}[way](user)
    os.execve(order["argv"][0], order["argv"], order["env"])  # noqa: S606


def detach(order: dict[str, Any]) -> dict[str, Any]:
    """Execute in a grandchild; the pipe closes when the program has taken over, or tells the error."""
    reading, writing = os.pipe()
    if child := os.fork():
        os.close(writing)
        os.waitpid(child, 0)
        with os.fdopen(reading) as answer:
            return {key: value for line in answer for key, value in json.loads(line).items()}
    os.setsid()
    if grandchild := os.fork():
        os.write(writing, json.dumps({"pid": grandchild}).encode() + b"\n")
        os._exit(0)
    try:
        log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        execute(order)
    except OSError as error:
        os.write(writing, json.dumps({"error": str(error)}).encode() + b"\n")
    os._exit(127)


if __name__ == "__main__":
    wanted = json.loads(sys.argv[1])
    if wanted["log"]:
        print(json.dumps(detach(wanted)))
    else:
        try:
            execute(wanted)
        except OSError as failure:
            sys.exit(str(failure))
