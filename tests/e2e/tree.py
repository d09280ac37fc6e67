"""A directory tree with everything a file system can hold, and a description to compare it by."""

import hashlib
import os
import random
import socket
import stat
import subprocess

HOSTILE_NAMES = [
    b"plain",
    b"with space",
    b"quo\"te\\back'tick`",
    b"new\nline",
    b"tab\there",
    b"bell\x07del\x7f",
    b"latin1-\xe4\xf6\xfc",
    b"cut-utf8-\xe2\x82",
    b"surrogate-\xed\xa0\x80",
    "snow\u2603man".encode(),
    "emoji\U0001f600".encode(),
    "soft\u00adhyphen".encode(),
    "line\u2028separator".encode(),
    "bom\ufeffinside".encode(),
    "private\ue000use".encode(),
    "replacement\ufffd".encode(),
    b"<html>&amp;",
    b"-dash",
    b"...",
    b"long-" + b"x" * 250,
]


def _write(path, data, mode=0o644):
    with open(path, "wb") as file:
        file.write(data)
    os.chmod(path, mode)


def _is_utf8(name):
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


def _make_special(root):
    """Every kind of node and attribute once, and each hostile name as file, directory and link."""
    special = os.path.join(root, b"special")
    os.makedirs(special)
    join = lambda name: os.path.join(special, name)  # noqa: E731
    _write(join(b"empty"), b"")
    _write(join(b"one byte"), b"1")
    _write(join(b"setuid"), b"#!/bin/true\n", 0o4755)
    _write(join(b"setgid"), b"#!/bin/true\n", 0o2750)
    _write(join(b"unreadable to others"), b"secret", 0o600)
    _write(join(b"no mode at all"), b"root reads it", 0o000)
    os.makedirs(join(b"sticky"))
    os.chmod(join(b"sticky"), 0o1777)
    os.symlink(b"one byte", join(b"link"))
    os.symlink(b"/nowhere/at all", join(b"dangling"))
    os.symlink(b"../" * 40 + b"etc/passwd", join(b"far"))
    os.mkfifo(join(b"fifo"), 0o620)
    os.mknod(join(b"chardev"), stat.S_IFCHR | 0o660, os.makedev(1, 3))
    os.mknod(join(b"blockdev"), stat.S_IFBLK | 0o660, os.makedev(7, 99))
    os.link(join(b"one byte"), join(b"hard link 1"))
    os.makedirs(join(b"deeper"))
    os.link(join(b"one byte"), join(b"deeper/hard link 2"))
    _write(join(b"attributes"), b"x")
    os.setxattr(join(b"attributes"), b"user.empty", b"")
    os.setxattr(join(b"attributes"), b"user.binary", bytes(range(256)))
    os.setxattr(join(b"sticky"), b"user.on a directory", b"yes")
    subprocess.run(["setfacl", "-m", "u:nobody:rw,g:daemon:r", join(b"attributes")], check=True)
    subprocess.run(["setfacl", "-d", "-m", "u:nobody:rwx", join(b"sticky")], check=True)
    with socket.socket(socket.AF_UNIX) as unix:  # a socket is no data: it must be skipped
        unix.bind(join(b"socket").decode())
    with open(join(b"sparse"), "wb") as file:
        file.seek(3 << 20)
        file.write(b"island" * 1000)
        file.truncate(24 << 20)
    rng = random.Random(7)
    _write(join(b"large random"), rng.randbytes(20 << 20))
    _write(join(b"large compressible"), b"".join(b"%08d some log line\n" % i for i in range(600000)))
    _write(join(b"zeros"), bytes(3 << 20))
    for name in HOSTILE_NAMES:
        os.makedirs(join(b"names/dirs/" + name))
        _write(join(b"names/dirs/" + name + b"/inside"), name)
        os.makedirs(join(b"names/links"), exist_ok=True)
        # A target that is not UTF-8 is kept in linktarget_raw, which restic knows from 0.16 on only.
        target = name if _is_utf8(name) else b"elsewhere"
        os.symlink(target, join(b"names/links/" + name))
    deep = special
    for level in range(100):
        deep = os.path.join(deep, b"d%d" % level)
    os.makedirs(deep)
    _write(os.path.join(deep, b"bottom"), b"here")


def make(root, entries, seed=1):
    """At least `entries` entries below root (bytes), the same for the same seed."""
    rng = random.Random(seed)
    _make_special(root)
    made = 100
    number = 0
    while made < entries:
        directory = os.path.join(root, b"many/%02d/%03d" % (number % 20, number))
        os.makedirs(directory)
        for index in range(99):
            kind = rng.random()
            path = os.path.join(directory, b"entry %d" % index)
            if kind < 0.05:
                os.symlink(b"entry %d" % (index + 1), path)
            elif kind < 0.95:
                _write(path, rng.randbytes(rng.choice((0, 10, 200, 3000, 9000))),
                       rng.choice((0o644, 0o600, 0o755)))
            else:
                os.makedirs(path)
        made += 100
        number += 1
    _set_owners_and_times(root, rng)


def _set_owners_and_times(root, rng):
    for directory, names, files in os.walk(root, topdown=False):
        for name in files + names:
            path = os.path.join(directory, name)
            info = os.lstat(path)
            if stat.S_ISDIR(info.st_mode) or info.st_nlink == 1:
                owner = rng.choice((0, 1, 65534, 123456))
                mode = stat.S_IMODE(info.st_mode)
                os.lchown(path, owner, rng.choice((0, 4, 654321)))
                if not stat.S_ISLNK(info.st_mode):
                    os.chmod(path, mode)  # chown clears setuid and setgid
            when = rng.randrange(10**9, 17 * 10**8) * 10**9 + rng.randrange(10**9)
            os.utime(path, ns=(when, when), follow_symlinks=False)
    os.utime(root, ns=(123456789123456789, 123456789123456789))


def _describe_one(path, info, first_of_inode):
    kind = stat.S_IFMT(info.st_mode)
    entry = {
        "kind": kind,
        "mode": oct(stat.S_IMODE(info.st_mode)),
        "owner": (info.st_uid, info.st_gid),
        "mtime": info.st_mtime_ns,
    }
    if kind == stat.S_IFREG:
        with open(path, "rb") as file:
            entry["content"] = hashlib.file_digest(file, "sha256").hexdigest()
        entry["size"] = info.st_size
    elif kind == stat.S_IFLNK:
        entry["target"] = os.readlink(path)
    elif kind in (stat.S_IFCHR, stat.S_IFBLK):
        entry["device"] = info.st_rdev
    if kind != stat.S_IFLNK:
        names = os.listxattr(path, follow_symlinks=False)
        entry["xattrs"] = {name: os.getxattr(path, name, follow_symlinks=False) for name in names}
    if kind != stat.S_IFDIR and info.st_nlink > 1:
        entry["linked to"] = first_of_inode.setdefault(info.st_ino, os.path.basename(path))
        entry["links"] = info.st_nlink
    return entry


def describe(root):
    """{path below root: everything that must survive a backup}; sockets are left out."""
    entries = {}
    first_of_inode = {}
    for directory, names, files in os.walk(root):
        names.sort()
        for name in sorted(files + names):
            path = os.path.join(directory, name)
            info = os.lstat(path)
            if not stat.S_ISSOCK(info.st_mode):
                entries[os.path.relpath(path, root)] = _describe_one(path, info, first_of_inode)
    entries[b"."] = _describe_one(root, os.lstat(root), first_of_inode)
    return entries


def differences(wanted, found, most=20):
    """Lines that say what differs; empty if nothing does."""
    lines = []
    for path in sorted(wanted.keys() | found.keys()):
        if path not in found:
            lines.append(f"{path!r} is missing")
        elif path not in wanted:
            lines.append(f"{path!r} is one too many")
        elif wanted[path] != found[path]:
            fields = [key for key in wanted[path].keys() | found[path].keys()
                      if wanted[path].get(key) != found[path].get(key)]
            lines.append(f"{path!r}: " + ", ".join(
                f"{key} {wanted[path].get(key)!r} became {found[path].get(key)!r}"
                for key in sorted(fields)))
    return lines[:most]
