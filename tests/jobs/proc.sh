# What programs read below /proc, /sys and /dev: that it is there and has the form they expect.
has() { if grep -Eq "$2" "$1" 2> /dev/null; then echo "$1 ok"; else echo "$1 lacks $2"; fi; }
has /proc/self/maps '^[0-9a-f]{8}-[0-9a-f]{8} r-xp [0-9a-f]{8} [0-9a-f]{2,}:[0-9a-f]{2,} [0-9]+ +/usr/bin/grep$'
has /proc/self/maps '\[stack\]$'
has /proc/self/smaps '^Rss: +[0-9]+ kB$'
has /proc/self/smaps_rollup '^Pss: +[0-9]+ kB$'
has /proc/self/status '^VmRSS:[[:space:]]+[0-9]+ kB$'
has /proc/self/status '^Cpus_allowed_list:[[:space:]]+0'
has /proc/self/status '^CapEff:[[:space:]]+[0-9a-f]{16}$'
has /proc/self/status '^Seccomp:[[:space:]]+0$'
has /proc/self/status '^SigBlk:[[:space:]]+0{16}$'
has /proc/self/status '^NoNewPrivs:[[:space:]]+0$'
has /proc/self/stat '^[0-9]+ \(grep\) R [0-9]+ '
has /proc/self/limits '^Max open files +[0-9]+ +[0-9]+ +files'
has /proc/self/limits '^Max core file size +(0|unlimited) +unlimited +bytes'
has /proc/self/mountinfo '^[0-9]+ [0-9]+ [0-9]+:[0-9]+ / / '
has /proc/self/mounts '^[^ ]+ /proc proc rw'
has /proc/self/cgroup '^0::/'
has /proc/self/oom_score '^[0-9]+$'
has /proc/self/io '^read_bytes: [0-9]+$'
has /proc/self/loginuid '^[0-9]+$'
has /proc/self/comm '^grep$'
has /proc/filesystems '^nodev.tmpfs$'
has /proc/cpuinfo '^processor.: 0$'
has /proc/meminfo '^MemAvailable: +[0-9]+ kB$'
has /proc/stat '^cpu  [0-9]+ [0-9]+'
has /proc/uptime '^[0-9]+\.[0-9]{2} [0-9]+\.[0-9]{2}$'
has /proc/version '^Linux version '
has /proc/sys/kernel/pid_max '^[0-9]+$'
has /proc/sys/kernel/random/uuid '^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$'
has /proc/sys/kernel/random/boot_id '^[0-9a-f-]{36}$'
has /proc/sys/kernel/random/entropy_avail '^[0-9]+$'
has /proc/sys/kernel/threads-max '^[0-9]+$'
has /proc/sys/kernel/randomize_va_space '^2$'
has /proc/sys/vm/overcommit_memory '^[012]$'
has /proc/sys/vm/mmap_min_addr '^[0-9]+$'
has /proc/sys/fs/pipe-max-size '^1048576$'
has /proc/sys/fs/nr_open '^[0-9]+$'
has /proc/sys/net/core/somaxconn '^[0-9]+$'
has /sys/devices/system/cpu/online '^0(-[0-9]+)?$'
has /sys/devices/system/cpu/possible '^0(-[0-9]+)?$'
has /sys/devices/system/cpu/present '^0(-[0-9]+)?$'
test -d /sys/devices/system/cpu/cpu0 && echo cpu0
test -d /proc/self/task/$BASHPID; cd /proc/self/task && test -d * && echo task
ls -ld /dev/shm | cut -c1-10; ls -ld /dev/pts | cut -c1-10; test -c /dev/ptmx && echo ptmx
for device in null zero full random urandom tty; do stat -c '%n %F %t:%T %a' /dev/$device; done
echo shared > /dev/shm/x && cat /dev/shm/x && rm /dev/shm/x
readlink /dev/fd /dev/stdin /dev/stdout; readlink /proc/mounts; readlink /proc/self/root
[ "$(readlink /proc/self/exe)" = /usr/bin/readlink ] && echo exe
tr '\0' ' ' < /proc/self/cmdline; echo
ps -o comm= -p $$; pgrep -x bash | grep -qx $$ && echo found
free > /dev/null && echo free; uptime > /dev/null && echo uptime
