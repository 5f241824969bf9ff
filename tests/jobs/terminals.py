"""Pseudo-terminals: the line discipline, job control's signals, and what a terminal tells of itself."""
import fcntl, os, pty, select, signal, struct, sys, termios, time, tty


def all_of(fd):
    """Reads until the other side has closed."""
    text = b""
    while True:
        try:
            piece = os.read(fd, 1000)
        except OSError as error:
            return text, error.errno
        if not piece:
            return text, 0
        text += piece


def until(fd, end):
    text = b""
    while not text.endswith(end):
        text += os.read(fd, 1000)
    return text


master, slave = pty.openpty()
print(os.isatty(master), os.isatty(slave), os.ttyname(slave).startswith("/dev/pts/"))
print(os.stat(os.ttyname(slave)).st_rdev == os.fstat(slave).st_rdev, os.major(os.fstat(slave).st_rdev))
fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
print(struct.unpack("HHHH", fcntl.ioctl(master, termios.TIOCGWINSZ, bytes(8))))
os.write(master, b"ab\x7fc\n")
print(os.read(slave, 100), until(master, b"\n"))
tty.setraw(slave)
os.write(master, b"x\x03y")
print(os.read(slave, 2), os.read(slave, 1))
os.write(slave, b"out\n")
print(until(master, b"\n"))
os.close(slave)
try:
    os.read(master, 1)
except OSError as error:
    print("slave closed", error.errno)
os.close(master)

pid, master = pty.fork()
if pid == 0:
    signal.signal(signal.SIGINT, lambda *_: os.write(1, b"interrupted\n"))
    signal.signal(signal.SIGWINCH, lambda *_: os.write(1, b"resized\n"))
    os.write(1, b"%d %d %d\n" % (os.getsid(0) == os.getpid(), os.tcgetpgrp(0) == os.getpgrp(), os.isatty(2)))
    own = os.open("/dev/tty", os.O_RDWR)
    os.write(own, b"by /dev/tty\n")
    while True:
        line = os.read(0, 100)
        if line == b"end\n":
            os._exit(7)
        os.write(1, b"got " + line)
until(master, b"tty\r\n")
os.write(master, b"\x03")
print(until(master, b"interrupted\r\n"))
fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 11, 22, 0, 0))
print(until(master, b"resized\r\n"))
os.write(master, b"text\n")
print(until(master, b"got text\r\n"))
os.write(master, b"end\n")
print(all_of(master))
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))

pid, master = pty.fork()
if pid == 0:
    os.execlp("bash", "bash", "--norc", "--noediting", "-i")
os.write(master, b"PS1=; stty -echo; echo rea''dy\n")
until(master, b"ready\r\n")
os.write(master, b"tty | cut -c1-9; stty size; echo $((6*7))\n")
print(until(master, b"42\r\n"))
os.write(master, b"(echo started; sleep 100)\n")
until(master, b"started\r\n")
os.write(master, b"\x1a")
print(until(master, b")\r\n"))
os.write(master, b"fg\n")
print(until(master, b")\r\n"))
time.sleep(1)
os.write(master, b"\x03")
os.write(master, b"exit 6\n")
all_of(master)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))

pid, master = pty.fork()
if pid == 0:
    signal.signal(signal.SIGHUP, lambda *_: os._exit(8))
    os.write(1, b"there\n")
    while True:
        signal.pause()
until(master, b"there\r\n")
os.close(master)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
