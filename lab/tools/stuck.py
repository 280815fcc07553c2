"""Makes the first thread of a process wait for ever while its others run on, and lets it go again.

stuck.py stick|unstick PID

The thread is stopped for a moment in the system call that it waits in, that call is made another, pause(2), and the
thread is let go: no debugger stays attached, and the kernel shows an ordinary sleeping thread. To unstick it, its call
is made to end with EINTR, which every program knows how to take. For x86-64 and Linux.
"""

import ctypes
import os
import sys
import time

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.restype = ctypes.c_long
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]

SEIZE, INTERRUPT, DETACH, GETREGS, SETREGS = 0x4206, 0x4207, 17, 12, 13
WALL = 0x40000000
PAUSE, EINTR = 34, 4
# struct user_regs_struct
REGISTERS = (
    "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base ds es fs gs"
).split()


class Registers(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulonglong) for name in REGISTERS]


def ptrace(request, thread, data=None):
    if libc.ptrace(request, thread, None, data) == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"ptrace {request:#x} of {thread}: {os.strerror(number)}")


def change(thread, how):
    """Stops `thread`, lets `how` change its registers, and lets it go; true when it had."""
    ptrace(SEIZE, thread)
    ptrace(INTERRUPT, thread)
    os.waitpid(thread, WALL)
    registers = Registers()
    ptrace(GETREGS, thread, ctypes.addressof(registers))
    changed = how(registers)
    if changed:
        ptrace(SETREGS, thread, ctypes.addressof(registers))
    ptrace(DETACH, thread)
    return changed


def in_a_call(registers):
    return ctypes.c_longlong(registers.orig_rax).value >= 0


def stick(registers):
    if not in_a_call(registers):
        return False
    # Back before the two bytes of `syscall`, to do another one.
    registers.rip -= 2
    registers.rax = PAUSE
    registers.orig_rax = 2**64 - 1
    return True


def unstick(registers):
    if not in_a_call(registers) or registers.orig_rax != PAUSE:
        return False
    registers.rax = 2**64 - EINTR
    registers.orig_rax = 2**64 - 1
    return True


def main():
    how, thread = {"stick": stick, "unstick": unstick}[sys.argv[1]], int(sys.argv[2])
    for _ in range(100):
        if change(thread, how):
            return
        time.sleep(0.05)
    sys.exit(f"thread {thread} was not found waiting")


main()
