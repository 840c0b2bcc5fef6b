"""Start one program and, if asked, without root's privileges and in a session of its own.

Run as a script by `processes` in a fresh isolated interpreter (so it imports
the standard library only): forking the caller itself would copy its threads'
locks, and a child of the caller would be its zombie once killed.

argv[1]: JSON {argv, env, cwd, drop, log}. With a log the program is started in
the background and stdout says {pid} or {error} in JSON; without, it replaces us.
"""

import ctypes
import json
import os
import sys

CLONE_NEWUSER = 0x10000000
INSIDE = 1000  # any number but 0, which PostgreSQL takes for root


def into_namespace() -> None:
    """Be an ordinary user without capabilities, who still owns the files that root owns."""
    uid, gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER):
        number = ctypes.get_errno()
        raise OSError(number, f"no user namespace: {os.strerror(number)}")
    for name, text in (
        ("uid_map", f"{INSIDE} {uid} 1"),
        ("setgroups", "deny"),
        ("gid_map", f"{INSIDE} {gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def become(uid: int) -> None:
    """Become `uid`, and the group of the same number, for good."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def execute(order: dict) -> None:
    os.umask(0o077)
    os.chdir(order["cwd"])
    if order["drop"] == "namespace":
        into_namespace()
    elif order["drop"] is not None:
        become(order["drop"])
    os.execve(order["argv"][0], order["argv"], order["env"])


def detach(order: dict) -> dict:
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
