# SPDX-License-Identifier: Apache-2.0
# Tests in a child with a /dev of its own: nothing that it puts there, and no log, is anybody else's.
import ctypes
import os
import sys

import pfharness as pf

CLONE_NEWNS, MS_BIND, MS_REC, MS_PRIVATE = 0x20000, 4096, 16384, 1 << 18
SKIPPED, SKIPPED_WITHIN = 77, 78
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")


def must(libc, result):
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def own_device_folder():
    """This process's own /dev: some devices, an empty memory file system as /dev/shm, and no log."""
    libc = ctypes.CDLL(None, use_errno=True)
    must(libc, libc.unshare(CLONE_NEWNS))
    must(libc, libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None))
    devices = {name: os.stat(f"/dev/{name}").st_rdev for name in DEVICES
               if os.path.exists(f"/dev/{name}")}
    must(libc, libc.mount(b"none", b"/dev", b"tmpfs", 0, b"mode=755"))
    for name, number in devices.items():
        os.mknod(f"/dev/{name}", 0o20666, number)
        os.chmod(f"/dev/{name}", 0o666)
    os.mkdir("/dev/shm")
    must(libc, libc.mount(b"none", b"/dev/shm", b"tmpfs", 0, b"mode=1777"))
    # Runs lie where they lay, though in the new file system; it goes with its last process.
    os.makedirs(pf.SCRATCH, 0o755, exist_ok=True)


def in_own_devices(case, test, or_shared=False):
    """Runs test() in a child of ours that has its own /dev; what it raises is raised here too.  Others
    than root cannot have one: with or_shared, test() then runs right here."""
    if or_shared and not pf.ROOT_USER:
        test()
        return
    for name in ("PF_TARGETS", "PF_LIB"):
        if os.environ.get(name, "").startswith("/dev/shm"):
            case.skipTest(f"{name} is in the folder that would be covered")
    case.need_root()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            try:
                own_device_folder()
            except OSError as error:
                print(f"no mount namespaces here: {error}", file=sys.stderr)
                os._exit(SKIPPED)
            test()
            status = 0
        except pf.unittest.SkipTest as why:
            print(f"skipped: {why}", file=sys.stderr)
            status = SKIPPED_WITHIN
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stderr.flush()
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status == SKIPPED:
        case.skipTest("needs mount namespaces, which this machine does not allow")
    if status == SKIPPED_WITHIN:
        case.skipTest("needs what is named above")
    case.assertEqual(status, 0, "see above")
