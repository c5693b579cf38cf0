"""Writes files and notes, in a log made first, the checksum of each whose fsync succeeded; looks at them later."""
import errno, hashlib, os, sys

os.chdir("/workspace")
how = sys.argv[1]


def acknowledged(name, data):
    fd = os.open(name, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view):]
        os.fsync(fd)
    finally:
        os.close(fd)
    where = os.open(".", os.O_RDONLY)
    os.fsync(where)
    os.close(where)
    line = f"{name} {hashlib.sha256(data).hexdigest()}\n".encode().ljust(LINE)
    # The log's blocks were written before, so noting needs no space.
    os.pwrite(log, line, note.at)
    os.fdatasync(log)
    note.at += LINE


class note:
    at = 0


LINE = 128
if how == "verify":
    count = 0
    for name in sorted(os.listdir(".")):
        if not name.startswith("log-"):
            continue
        for line in open(name, "rb").read().decode().split("\n"):
            words = line.strip("\0 ").split()
            if len(words) == 2:
                data = open(words[0], "rb").read()
                assert hashlib.sha256(data).hexdigest() == words[1], f"{words[0]} is not what was acknowledged"
                count += 1
    assert count > 20, count
    print(f"{count} acknowledged files are what they were")
    sys.exit()

log = os.open(f"log-{how}", os.O_CREAT | os.O_RDWR, 0o600)
# The filler of inodes comes when no byte is left: its log is made from what it frees.
if how == "fill-inodes":
    for name in [name for name in os.listdir(".") if name.startswith("bytes-")][:4]:
        os.unlink(name)
    lines = open("log-fill-bytes", "r+b")
    text = lines.read().decode().split("\n")
    kept = [line.strip("\0 ") for line in text if line.strip("\0 ") and os.path.exists(line.split()[0])]
    lines.seek(0)
    lines.truncate()
    lines.write("\n".join(kept).encode() + b"\n")
    lines.close()
os.write(log, bytes(1 << 20))
os.fsync(log)
number = 0
try:
    while how != "until-stopped" or not os.path.exists("stop"):
        if how == "fill-inodes":
            if number < 50:
                acknowledged(f"inode-{number}", b"x" * (number % 7))
            else:
                os.close(os.open(f"inode-{number}", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        elif how == "fill-bytes":
            acknowledged(f"bytes-{number}", os.urandom(700_000))
        elif number < 4000:
            acknowledged(f"small-{number}", os.urandom(3000))
        number += 1
        assert number < 10_000_000
except OSError as error:
    assert how.startswith("fill") and error.errno in (errno.ENOSPC, errno.EDQUOT), error
    print(f"after {number}: {error}")
