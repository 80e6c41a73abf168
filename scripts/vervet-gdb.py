"""Greenlets in gdb, of a process or of a core file. Loaded by itself if it lies beside libvervet.so as
libvervet.so-gdb.py and gdb trusts the directory (add-auto-load-safe-path); else: source vervet-gdb.py

    info greenlets [TEXT]      all, or those whose line contains TEXT
    greenlet N                 look at greenlet N: bt, up, frame, info locals then show its stack, after the kernel
                               thread's innermost frame
    greenlet apply all bt      a command for every greenlet (or: greenlet apply 2 3 bt)
    greenlet off               back to the kernel thread

A parked greenlet's registers lie on its stack, where core/context_*.S saves them. Nothing is written to the process:
an unwinder of ours says that the selected kernel thread's innermost frame was called by the greenlet's.
"""

import struct

import gdb
import gdb.unwinder

STATES = {0: "free", 1: "runnable", 2: "running", 3: "parked", 4: "hopping", 5: "ended"}


class Cpu:
    """Names of registers, and where core/context_*.S saves them: from the saved stack pointer + at on."""

    def __init__(self, sp, pc, tp, at, size, saved):
        self.sp, self.pc, self.tp, self.at, self.size, self.saved = sp, pc, tp, at, size, saved


CPUS = {"i386:x86-64": Cpu("rsp", "rip", "fs_base", 8, 64, ("r15", "r14", "r13", "r12", "rbx", "rbp", "rip")),
        "aarch64": Cpu("sp", "pc", "tpidr", 64, 176, tuple(f"x{i}" for i in range(19, 30)) + ("pc",))}
FIELDS = ("id name state context all_next wait carrier tid thread foreign wait_what wait_key carrier_tid hub_running").split()
MAX = 4 << 20


def read(at, size):
    return bytes(gdb.selected_inferior().read_memory(at, size))


def number(at, size=8):
    return int.from_bytes(read(at, size), "little")


def text(at, size):
    try:
        return read(at, size).split(b"\0")[0].decode(errors="backslashreplace")
    except gdb.MemoryError:
        return ""


class Table:
    """vv_introspection, see core/introspect.h."""

    def __init__(self):
        try:
            at = int(gdb.parse_and_eval("(unsigned long)&vv_introspection"))
        except gdb.error:
            raise gdb.GdbError("no libvervet.so in this program")
        if read(at, 8) != b"vervet1\0":
            raise gdb.GdbError("another version of libvervet.so than this script's")
        self.all, self.hub, _, self.live = struct.unpack("<4Q", read(at + 32, 32))
        self.__dict__.update(zip(FIELDS, struct.unpack(f"<{len(FIELDS)}I", read(at + 64, 4 * len(FIELDS)))))


class Greenlet:
    def __init__(self, table, at):
        self.at = at
        self.id = number(at + table.id)
        self.name = text(at + table.name, 16)
        self.state = STATES.get(number(at + table.state, 1), "?")
        self.sp, self.tp = number(at + table.context), number(at + table.context + 8)
        self.next = number(at + table.all_next)
        self.tid = number(at + table.tid, 4)
        wait, carrier = number(at + table.wait), number(at + table.carrier)
        self.what = text(number(wait + table.wait_what), 32) if wait else ""
        self.key = number(wait + table.wait_key) if wait else 0
        self.lwp = 0
        if self.state in ("running", "hopping"):
            alone = number(at + table.foreign, 1) or not carrier
            self.lwp = self.tid if alone else number(carrier + table.carrier_tid, 4)

    def line(self):
        where = f"on kernel thread {self.lwp}" if self.lwp else ""
        if self.what and self.state == "parked":
            where = f"waits for {self.what}" + (f" {self.key:#x}" if self.key else "")
        return f"{self.id:>6} {self.name:<16} {self.state:<9} {where}"


def greenlets():
    table = Table()
    found, at = [], number(table.all)
    while at and len(found) < MAX:
        found.append(Greenlet(table, at))
        at = found[-1].next
    return sorted(found, key=lambda g: g.id)


def find(word):
    for g in greenlets():
        if str(g.id) == word:
            return g
    raise gdb.GdbError(f"no greenlet {word}, see: info greenlets")


class FrameId:
    def __init__(self, sp, pc):
        self.sp, self.pc = sp, pc


class Unwinder(gdb.unwinder.Unwinder):
    """While armed: the frame with the kernel thread's own registers was called by the greenlet's."""

    def __init__(self):
        super().__init__("vervet greenlets")
        self.armed = None

    def arm(self, greenlet):
        self.armed = None
        gdb.invalidate_cached_frames()
        if greenlet:
            frame = gdb.newest_frame()
            self.cpu = CPUS.get(frame.architecture().name())
            if not self.cpu:
                raise gdb.GdbError("greenlets' registers are not known on " + frame.architecture().name())
            self.at = int(frame.read_register(self.cpu.sp)), int(frame.read_register(self.cpu.pc))
            self.armed = greenlet
            gdb.invalidate_cached_frames()

    def __call__(self, pending):
        if not self.armed:
            return None
        cpu = self.cpu
        sp, pc = pending.read_register(cpu.sp), pending.read_register(cpu.pc)
        if (int(sp), int(pc)) != self.at:
            return None
        info = pending.create_unwind_info(FrameId(gdb.Value(self.armed.sp - 64).cast(sp.type), pc))
        for i, name in enumerate(cpu.saved):
            kind = pending.read_register(name).type
            info.add_saved_register(name, gdb.Value(number(self.armed.sp + cpu.at + 8 * i)).cast(kind))
        info.add_saved_register(cpu.sp, gdb.Value(self.armed.sp + cpu.size).cast(sp.type))
        try:
            kind = pending.read_register(cpu.tp).type
            info.add_saved_register(cpu.tp, gdb.Value(self.armed.tp).cast(kind))
        except (ValueError, gdb.error):
            pass
        return info


unwinder = Unwinder()
gdb.unwinder.register_unwinder(None, unwinder, replace=True)


def look_at(g):
    """Make g's stack the one that gdb shows; the number of its first frame."""
    unwinder.arm(None)
    if g.lwp:
        for thread in gdb.selected_inferior().threads():
            if g.lwp in (thread.ptid[1], thread.ptid[2]):
                thread.switch()
                return 0
        raise gdb.GdbError(f"kernel thread {g.lwp} is not there")
    if not g.sp:
        raise gdb.GdbError(f"greenlet {g.id} has no saved registers")
    unwinder.arm(g)
    first, frame = 1, gdb.newest_frame()
    while frame.type() == gdb.INLINE_FRAME:  # these are parts of the one that is said to have been called
        first, frame = first + 1, frame.older()
    return first


class InfoGreenlets(gdb.Command):
    """List greenlets: number, name, state, what each waits for. With an argument, those whose line contains it."""

    def __init__(self):
        super().__init__("info greenlets", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        print("    Id Name             State     Where")
        for g in greenlets():
            if argument in g.line():
                print(g.line())


class GreenletCommand(gdb.Command):
    """Look at a greenlet: greenlet N; greenlet off; greenlet apply all|N... COMMAND."""

    def __init__(self):
        super().__init__("greenlet", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        words = argument.split()
        if not words:
            print(unwinder.armed.line() if unwinder.armed else "no greenlet selected, see: info greenlets")
        elif words[0] == "off":
            unwinder.arm(None)
        elif words[0] == "apply":
            self.apply(words[1:])
        else:
            g = find(words[0])
            gdb.execute(f"frame {look_at(g)}")

    def apply(self, words):
        numbers = []
        while words and words[0].isdigit():
            numbers.append(words.pop(0))
        if words and words[0] == "all" and not numbers:
            words.pop(0)
            chosen = greenlets()
        else:
            chosen = [find(n) for n in numbers]
        if not words or not chosen:
            raise gdb.GdbError("greenlet apply all COMMAND, or: greenlet apply N... COMMAND")
        thread, before = gdb.selected_thread(), unwinder.armed
        for g in chosen:
            print(f"\ngreenlet {g.line().strip()}")
            try:
                first = look_at(g)
                frame = gdb.newest_frame()
                for _ in range(first):
                    frame = frame.older()
                frame.select()
                out = gdb.execute(" ".join(words), to_string=True)
                if words[0] in ("bt", "backtrace", "where"):
                    out = out[max(0, out.find(f"#{first} ")):]
                print(out, end="")
            except (gdb.GdbError, gdb.error) as e:
                print(e)
        unwinder.arm(None)
        thread.switch()
        unwinder.arm(before)


InfoGreenlets()
GreenletCommand()
