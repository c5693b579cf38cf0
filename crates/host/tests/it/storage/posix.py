"""What POSIX (and Linux) promise of a file system and pjdfstest does not look at, tried as the workspace's user."""
import array, ctypes, errno, fcntl, mmap, os, signal, stat, struct, subprocess, sys, time

os.makedirs("/workspace/cases", exist_ok=True)
os.chdir("/workspace/cases")
libc = ctypes.CDLL(None, use_errno=True)
CASES = []


def case(function):
    CASES.append(function)


def fails(number, call, *arguments, **named):
    try:
        call(*arguments, **named)
    except OSError as error:
        assert error.errno == number, error
    else:
        raise AssertionError(f"{call} should fail with {errno.errorcode[number]}")


def write(name, data=b""):
    with open(name, "wb") as file:
        file.write(data)


def in_child(function):
    """What the function answers in another process: a number below 100."""
    pid = os.fork()
    if pid == 0:
        code = 100
        try:
            code = int(function())
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@case
def hard_links():
    write("one", b"same")
    os.link("one", "two")
    assert os.stat("one").st_ino == os.stat("two").st_ino and os.stat("one").st_nlink == 2
    os.unlink("one")
    assert open("two", "rb").read() == b"same" and os.stat("two").st_nlink == 1
    fails(errno.EPERM, os.link, "/workspace/cases", "directory")


@case
def links_between_directories():
    os.mkdir("from"), os.mkdir("to")
    write("from/file", b"x")
    os.link("from/file", "to/file")
    os.rename("from", "to/from")
    assert os.stat("to/from/file").st_nlink == 2


@case
def renaming_is_atomic_under_a_reader():
    write("config", b"a" * 5000)
    def reader():
        for _ in range(3000):
            data = open("config", "rb").read()
            if len(data) != 5000 or len(set(data)) != 1:
                return 1
        return 0
    pid = os.fork()
    if pid == 0:
        os._exit(reader())
    letter = 0
    # Looked at without taking its end away.
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        letter = (letter + 1) % 26
        write("config.new", bytes([97 + letter]) * 5000)
        os.rename("config.new", "config")
    assert os.waitpid(pid, 0)[1] == 0


@case
def renaming_exchanges_and_refuses():
    write("left", b"l"), write("right", b"r")
    rename2 = lambda a, b, flags: libc.syscall(316, -100, a, -100, b, flags)
    assert rename2(b"left", b"right", 2) == 0 and open("left", "rb").read() == b"r"
    assert rename2(b"left", b"right", 1) == -1 and ctypes.get_errno() == errno.EEXIST


@case
def flock_excludes_and_is_released_on_death():
    file = open("lock", "w")
    fcntl.flock(file, fcntl.LOCK_EX)
    def refused():
        other = open("lock")
        try:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return 1
        return 0
    assert in_child(refused) == 1
    fcntl.flock(file, fcntl.LOCK_UN)
    ready, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        mine = open("lock")
        fcntl.flock(mine, fcntl.LOCK_EX)
        os.write(told, b"x")
        signal.pause()
    os.read(ready, 1)
    assert in_child(refused) == 1
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    fcntl.flock(open("lock"), fcntl.LOCK_EX | fcntl.LOCK_NB)


@case
def flock_is_shared_by_readers():
    one, two = open("lock", "w"), open("lock")
    fcntl.flock(one, fcntl.LOCK_SH), fcntl.flock(two, fcntl.LOCK_SH | fcntl.LOCK_NB)
    fails(errno.EAGAIN, fcntl.flock, open("lock"), fcntl.LOCK_EX | fcntl.LOCK_NB)


@case
def record_locks_exclude_by_range_and_are_released_on_death():
    file = open("records", "w+b")
    file.truncate(100)
    fcntl.lockf(file, fcntl.LOCK_EX, 10, 0)
    def try_at(start):
        other = open("records", "r+b")
        try:
            fcntl.lockf(other, fcntl.LOCK_EX | fcntl.LOCK_NB, 5, start)
        except OSError:
            return 1
        return 0
    assert in_child(lambda: try_at(0)) == 1 and in_child(lambda: try_at(20)) == 0
    assert in_child(lambda: try_at(0)) == 1
    fcntl.lockf(file, fcntl.LOCK_UN, 10, 0)
    ready, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        fcntl.lockf(file, fcntl.LOCK_EX, 10, 0)
        os.write(told, b"x")
        signal.pause()
    os.read(ready, 1)
    assert in_child(lambda: try_at(0)) == 1
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert in_child(lambda: try_at(0)) == 0


@case
def open_file_description_locks():
    one, two = open("ofd", "w+b"), open("ofd", "r+b")
    lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 10, 0)
    fcntl.fcntl(one, 37, lock)
    fails(errno.EAGAIN, fcntl.fcntl, two, 37, lock)


@case
def user_attributes():
    write("attributed")
    os.setxattr("attributed", "user.colour", b"blue")
    os.setxattr("attributed", "user.large", b"x" * 3000)
    assert os.getxattr("attributed", "user.colour") == b"blue"
    assert sorted(os.listxattr("attributed")) == ["user.colour", "user.large"]
    fails(errno.EEXIST, os.setxattr, "attributed", "user.colour", b"", os.XATTR_CREATE)
    os.removexattr("attributed", "user.colour")
    fails(errno.ENODATA, os.getxattr, "attributed", "user.colour")
    os.mkdir("attributed-dir")
    os.setxattr("attributed-dir", "user.a", b"b")


@case
def holes():
    with open("sparse", "w+b") as file:
        file.seek(10 << 20)
        file.write(b"end")
        file.flush()
        os.fsync(file.fileno())
        assert os.fstat(file.fileno()).st_blocks * 512 < 1 << 20
        data = os.lseek(file.fileno(), 0, os.SEEK_DATA)
        assert 9 << 20 < data <= 10 << 20 and os.lseek(file.fileno(), 0, os.SEEK_HOLE) == 0
        fails(errno.ENXIO, os.lseek, file.fileno(), 11 << 20, os.SEEK_DATA)
        file.seek(0)
        assert file.read(4096) == bytes(4096)


@case
def space_is_set_aside_and_given_back():
    file = os.open("aside", os.O_CREAT | os.O_RDWR, 0o600)
    os.posix_fallocate(file, 0, 4 << 20)
    assert os.fstat(file).st_size == 4 << 20 and os.fstat(file).st_blocks * 512 >= 4 << 20
    os.pwrite(file, b"x" * (4 << 20), 0)
    os.fsync(file)
    call = lambda mode, at, length: libc.fallocate(file, mode, ctypes.c_long(at), ctypes.c_long(length))
    assert call(3, 1 << 20, 2 << 20) == 0
    assert os.fstat(file).st_size == 4 << 20 and os.fstat(file).st_blocks * 512 < 3 << 20
    assert os.pread(file, 10, 2 << 20) == bytes(10) and os.pread(file, 1, 0) == b"x"
    assert call(1, 4 << 20, 1 << 20) == 0 and os.fstat(file).st_size == 4 << 20
    os.close(file)


@case
def files_without_a_name():
    file = os.open(".", os.O_TMPFILE | os.O_RDWR, 0o600)
    os.write(file, b"hidden")
    assert os.fstat(file).st_nlink == 0
    assert libc.linkat(-100, f"/proc/self/fd/{file}".encode(), -100, b"shown", 0x400) == 0, ctypes.get_errno()
    assert open("shown", "rb").read() == b"hidden"
    os.close(file)


@case
def mappings_are_one_with_the_file():
    write("mapped", bytes(8192))
    file = os.open("mapped", os.O_RDWR)
    view = mmap.mmap(file, 8192)
    def change():
        other = mmap.mmap(os.open("mapped", os.O_RDWR), 8192)
        other[5000:5005] = b"child"
        return os.pread(file, 5, 100) == b"write"
    os.pwrite(file, b"write", 100)
    assert view[100:105] == b"write" and in_child(change) == 1
    assert view[5000:5005] == b"child" and os.pread(file, 5, 5000) == b"child"
    view[0:4] = b"view"
    view.flush()
    assert open("mapped", "rb").read(4) == b"view"


@case
def private_mappings_stay_private():
    write("private", b"a" * 4096)
    view = mmap.mmap(os.open("private", os.O_RDWR), 4096, mmap.MAP_PRIVATE)
    view[0:1] = b"b"
    assert open("private", "rb").read(1) == b"a"


@case
def an_unlinked_file_lives_until_it_is_closed():
    file = os.open("gone", os.O_CREAT | os.O_RDWR)
    os.write(file, b"still")
    os.unlink("gone")
    assert os.pread(file, 5, 0) == b"still" and os.fstat(file).st_nlink == 0
    os.pwrite(file, b"here!", 0)
    again = os.open(f"/proc/self/fd/{file}", os.O_RDONLY)
    assert os.read(again, 5) == b"here!"


@case
def names_of_every_length_and_byte():
    write("n" * 255)
    fails(errno.ENAMETOOLONG, write, "n" * 256)
    odd = bytes(byte for byte in range(1, 256) if byte != ord("/"))[:250]
    write(odd)
    assert odd in os.listdir(b".")
    write("Case"), write("case")
    assert {"Case", "case"} <= set(os.listdir("."))
    fails(errno.ENAMETOOLONG, os.stat, "d/" * 2100)


@case
def symbolic_links_and_their_loops():
    os.symlink("round", "around"), os.symlink("around", "round")
    fails(errno.ELOOP, open, "round")
    os.symlink("x" * 4000, "far")
    assert os.readlink("far") == "x" * 4000
    os.symlink("nowhere", "dangling")
    fails(errno.ENOENT, open, "dangling")
    assert stat.S_ISLNK(os.lstat("dangling").st_mode)
    fails(errno.ELOOP, os.open, "dangling", os.O_RDONLY | os.O_NOFOLLOW)


@case
def permissions_bind_the_owner_too():
    write("closed", b"x")
    os.chmod("closed", 0)
    fails(errno.EACCES, open, "closed")
    os.mkdir("shut")
    write("shut/in")
    os.chmod("shut", 0o600)
    fails(errno.EACCES, open, "shut/in")
    os.chmod("shut", 0o500)
    fails(errno.EACCES, write, "shut/other")
    os.chmod("shut", 0o700)
    fails(errno.EPERM, os.chown, "closed", 0, 0)


@case
def the_umask_and_special_bits():
    old = os.umask(0o027)
    os.close(os.open("masked", os.O_CREAT, 0o666))
    os.umask(old)
    assert stat.S_IMODE(os.stat("masked").st_mode) == 0o640
    os.mkdir("group")
    os.chmod("group", 0o3770)
    os.mkdir("group/below")
    assert os.stat("group/below").st_mode & stat.S_ISGID and os.stat("group").st_mode & stat.S_ISVTX


@case
def times_are_kept_to_the_nanosecond():
    write("timed")
    os.utime("timed", ns=(1_234_567_890_123_456_789, 1_500_000_000_987_654_321))
    found = os.stat("timed")
    assert (found.st_atime_ns, found.st_mtime_ns) == (1_234_567_890_123_456_789, 1_500_000_000_987_654_321)
    changed = found.st_ctime_ns
    time.sleep(0.02)
    os.chmod("timed", 0o600)
    assert os.stat("timed").st_ctime_ns > changed and os.stat("timed").st_mtime_ns == found.st_mtime_ns
    os.utime("timed", (2**31 + 5, 2**31 + 5))
    assert os.stat("timed").st_mtime == 2**31 + 5


@case
def everything_can_be_synced():
    for flags, call in ((os.O_RDWR, os.fsync), (os.O_RDWR | os.O_SYNC, os.fdatasync), (os.O_RDWR | os.O_DSYNC, os.fsync)):
        file = os.open("synced", os.O_CREAT | flags)
        os.write(file, b"x" * 10_000)
        call(file)
        os.close(file)
    here = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(here)
    assert libc.syncfs(here) == 0


@case
def appends_of_many_do_not_mix():
    write("appended")
    def append(number):
        file = os.open("appended", os.O_WRONLY | os.O_APPEND)
        for _ in range(500):
            os.write(file, b"%d" % number * 99 + b"\n")
    pids = []
    for number in range(4):
        pid = os.fork()
        if pid == 0:
            append(number)
            os._exit(0)
        pids.append(pid)
    assert all(os.waitpid(pid, 0)[1] == 0 for pid in pids)
    lines = open("appended").read().splitlines()
    assert len(lines) == 2000 and all(len(line) == 99 and len(set(line)) == 1 for line in lines)


@case
def a_large_directory_is_listed_whole_while_it_shrinks():
    os.mkdir("many")
    for number in range(3000):
        os.close(os.open(f"many/{number}", os.O_CREAT))
    assert sorted(map(int, os.listdir("many"))) == list(range(3000))
    seen = 0
    for entry in os.scandir("many"):
        os.unlink(entry.path)
        seen += 1
    assert seen == 3000
    os.rmdir("many")


@case
def pipes_and_sockets_have_names():
    import socket
    os.mkfifo("pipe")
    reader = os.open("pipe", os.O_RDONLY | os.O_NONBLOCK)
    os.write(os.open("pipe", os.O_WRONLY), b"through")
    assert os.read(reader, 7) == b"through"
    server = socket.socket(socket.AF_UNIX)
    server.bind("socket")
    server.listen()
    socket.socket(socket.AF_UNIX).connect("socket")
    fails(errno.EPERM, os.mknod, "device", stat.S_IFCHR | 0o600, os.makedev(1, 3))


@case
def changes_are_announced():
    watch = libc.inotify_init1(os.O_NONBLOCK)
    assert libc.inotify_add_watch(watch, b".", 0x100) >= 0
    write("announced")
    assert b"announced" in os.read(watch, 4096)


@case
def direct_and_vectored_input_and_output():
    file = os.open("vectored", os.O_CREAT | os.O_RDWR)
    assert os.pwritev(file, [b"ab", b"cd"], 1) == 4
    parts = [bytearray(2), bytearray(3)]
    assert os.preadv(file, parts, 0) == 5 and parts == [bytearray(b"\0a"), bytearray(b"bcd")]
    os.ftruncate(file, 3)
    assert os.fstat(file).st_size == 3
    copy = os.open("copied", os.O_CREAT | os.O_RDWR)
    assert os.copy_file_range(file, copy, 3, 0, 0) == 3 and os.sendfile(copy, file, 0, 3) == 3


failed = 0
for function in CASES:
    try:
        function()
    except BaseException as error:
        failed += 1
        print(f"FAILED {function.__name__}: {error!r}")
if failed:
    sys.exit(1)
print(f"{len(CASES)} cases hold")
