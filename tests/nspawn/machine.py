"""A booted Debian 12 under systemd-nspawn. Made by debootstrap once and kept below build/; each machine is
a layer over it that goes when the test ends. It has a network of its own, with nothing but a loopback."""

import glob
import hashlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KEPT = os.environ.get("NSPAWN_CACHE", os.path.join(TOP, "build", "nspawn"))
# What the tests need in there besides the package's own dependencies.
TOOLS = ["systemd-sysv", "dbus", "procps", "curl", "man-db", "mandoc", "bash-completion"]
BOOT_SECONDS = 90


def wait_until(condition, what, seconds=60):
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.05)


def package_dependencies(package):
    text = subprocess.check_output(["dpkg-deb", "-f", package, "Depends"], text=True)
    return [re.split(r"[ (|]", one.strip())[0] for one in text.split(",")]


def host_mirror():
    """From where this host has its own Debian 12: the test needs nothing that the host has not."""
    lines = subprocess.check_output(
        ["apt-get", "indextargets", "--format", "$(SITE) $(CODENAME) $(COMPONENT) $(CREATED_BY)"],
        text=True).splitlines()
    for line in lines:
        site, codename, component, kind = line.split()
        if (codename, component, kind) == ("bookworm", "main", "Packages"):
            return site
    raise AssertionError("apt here knows no bookworm main")


def apt_environment():
    environment = dict(os.environ)
    proxy = subprocess.run(["apt-config", "shell", "P", "Acquire::http::Proxy"], text=True,
                           stdout=subprocess.PIPE, check=True).stdout
    if "='" in proxy:
        environment["http_proxy"] = proxy.split("'")[1]
    return environment


def base_tree(packages):
    """The tree below all machines, with exactly these packages and what they depend on."""
    wanted = ",".join(sorted(set(packages + TOOLS)))
    tree = os.path.join(KEPT, hashlib.sha256(wanted.encode()).hexdigest()[:12])
    if os.path.isdir(tree):
        return tree
    os.makedirs(KEPT, exist_ok=True)
    for old in glob.glob(os.path.join(KEPT, "*")):
        shutil.rmtree(old)
    subprocess.run(["debootstrap", "--variant=minbase", "--include=" + wanted, "bookworm", tree + ".new",
                    host_mirror()], check=True, env=apt_environment(), stdout=subprocess.DEVNULL)
    shutil.rmtree(os.path.join(tree + ".new", "var/cache/apt/archives"), ignore_errors=True)
    os.rename(tree + ".new", tree)
    return tree


def own_cgroup(name):
    """A group of the host's for one machine, for what starts it. Without, all machines would be in one, and
    workers would clean up each other's jobs."""
    for top in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
        if os.path.exists(os.path.join(top, "cgroup.procs")):
            path = os.path.join(top, name)
            os.makedirs(path, exist_ok=True)
            return path
    raise AssertionError("this host has no cgroup of version 2")


def remove_cgroup(top):
    for path, _, _ in os.walk(top, topdown=False):
        os.rmdir(path)


class Machine:
    def __init__(self, base):
        self.directory = tempfile.mkdtemp(prefix="appbackup-nspawn.", dir="/var/tmp")
        self.name = "appbackup-" + self.directory[-8:].replace("_", "x")
        self.root = os.path.join(self.directory, "root")
        upper, work = (os.path.join(self.directory, name) for name in ("upper", "work"))
        for path in (self.root, upper, work):
            os.mkdir(path)
        subprocess.run(["mount", "-t", "overlay", "-o", f"lowerdir={base},upperdir={upper},workdir={work}",
                        "overlay", self.root], check=True)
        self.cgroup = own_cgroup(self.name)
        self.process = None

    def __enter__(self):
        return self

    def __exit__(self, *details):
        self.power_off()
        remove_cgroup(self.cgroup)
        subprocess.run(["umount", "-l", self.root], check=False)
        shutil.rmtree(self.directory)

    def path(self, path):
        return self.root + path

    def boot(self):
        with open(os.path.join(self.directory, "console"), "ab") as console:
            self.process = subprocess.Popen(
                ["sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', self.cgroup,
                 "systemd-nspawn", "--quiet", "--directory=" + self.root, "--machine=" + self.name, "--boot",
                 "--register=no", "--keep-unit", "--private-network", "--link-journal=no", "--console=pipe"],
                stdin=subprocess.DEVNULL, stdout=console, stderr=console,
                env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"})
        wait_until(self.is_up, "boot", BOOT_SECONDS)

    def init(self):
        """The process that is 1 in there."""
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        with open(path, encoding="ascii") as children:
            return children.read().split()[0]

    def is_up(self):
        assert self.process.poll() is None, "the machine has ended: see " + self.directory + "/console"
        try:
            return self.try_run("systemctl is-system-running").stdout.strip() in ("running", "degraded")
        except IndexError:
            return False

    def try_run(self, command, seconds=120):
        return subprocess.run(
            ["nsenter", "--target", self.init(), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup",
             "--root", "/usr/bin/env", "--chdir=/", "-i", "HOME=/root", "LANG=C.UTF-8",
             "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "/bin/bash", "-c", command],
            text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            timeout=seconds, check=False)

    def run(self, command, seconds=120):
        done = self.try_run(command, seconds)
        if done.returncode != 0:
            raise AssertionError(f"{command}\nended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def in_network(self, argv, **options):
        """A program of this host, in the network of the machine."""
        return subprocess.Popen(["nsenter", "--target", self.init(), "--net", *argv], **options)

    def power_off(self):
        """As a power cut does it: nothing in there is told."""
        if self.process is None or self.process.poll() is not None:
            return
        try:
            os.kill(int(self.init()), signal.SIGKILL)
        except (IndexError, ProcessLookupError):
            self.process.kill()
        self.process.wait(30)

    def reboot(self):
        self.try_run("systemctl --no-block reboot")
        self.process.wait(120)
        self.boot()

    def write(self, path, text, mode=0o644):
        os.makedirs(os.path.dirname(self.path(path)), exist_ok=True)
        with open(self.path(path), "w", encoding="utf-8") as out:
            out.write(text)
        os.chmod(self.path(path), mode)
