"""Python's library, as far as it needs no network."""
import collections, ctypes, datetime, decimal, fcntl, hashlib, json, math, mmap, multiprocessing, os, queue, random
import re, select, shutil, signal, sqlite3, struct, subprocess, sys, tempfile, threading, time, zlib

results = queue.Queue()
threads = [threading.Thread(target=lambda i=i: results.put(i * i)) for i in range(8)]
[t.start() for t in threads]
[t.join() for t in threads]
print(sum(results.get() for _ in range(8)))
print(json.dumps({"a": [1, 2.5, None]}), re.findall(r"\w+", "ab cd"), hashlib.sha256(b"x").hexdigest()[:8], zlib.crc32(b"q"))
print(subprocess.run(["/bin/echo", "hi"], capture_output=True).stdout)
print(subprocess.run("exit 4", shell=True).returncode)
with multiprocessing.Pool(2) as pool:
    print(pool.map(math.sqrt, [1, 4, 9]))
with tempfile.NamedTemporaryFile() as file:
    file.write(b"z" * 8192)
    file.flush()
    view = mmap.mmap(file.fileno(), 8192)
    view[5] = 65
    print(view[:8])
    view.close()
    fcntl.lockf(file, fcntl.LOCK_EX)
    print(os.fstat(file.fileno()).st_size)
reader, writer = os.pipe()
poll = select.poll()
poll.register(reader)
print(poll.poll(10))
os.write(writer, b"x")
print(len(poll.poll(10)), select.select([reader], [], [], 0)[0] == [reader])
signal.signal(signal.SIGALRM, lambda *_: print("alarm"))
signal.setitimer(signal.ITIMER_REAL, 0.01)
time.sleep(0.05)
print(os.cpu_count() == len(os.sched_getaffinity(0)), len(os.getloadavg()), decimal.Decimal(1) / 7, math.sin(1e22))
print(datetime.datetime.fromtimestamp(0, datetime.timezone.utc), len(os.urandom(4)), ctypes.CDLL(None).getpid() == os.getpid())
database = sqlite3.connect("/tmp/py.db")
database.execute("create table if not exists t(a)")
database.execute("insert into t values(1)")
database.commit()
print(database.execute("select count(*) from t").fetchone(), sys.maxsize, struct.calcsize("P"))
with open("/proc/self/maps") as maps:
    print(any("libc.so.6" in line for line in maps))
pid = os.fork()
if pid == 0:
    os._exit(9)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
os.makedirs("/tmp/tree/a/b", exist_ok=True)
os.symlink("a", "/tmp/tree/l")
print(sorted(os.listdir("/tmp/tree")), os.path.realpath("/tmp/tree/l/b"))
shutil.copytree("/tmp/tree", "/tmp/tree2", symlinks=True)
shutil.rmtree("/tmp/tree")
print(os.get_terminal_size.__name__, shutil.disk_usage("/").total > 0, os.uname().machine, os.getpriority(os.PRIO_PROCESS, 0))
os.posix_fallocate(os.open("/tmp/tree2/f", os.O_RDWR | os.O_CREAT), 0, 4096)
print(os.stat("/tmp/tree2/f").st_size, os.sched_getscheduler(0), random.Random(1).random())
with open(os.devnull) as null:
    print(null.read())
print(collections.Counter("abracadabra").most_common(1))
