/* A library OS that means harm. Built freestanding as an i386 position-independent image; which harm it does is its
 * first argument. Offsets are those of docs/PAL_ABI.md. It either ends with status 0 (the harm was refused and it went on)
 * or is ended by the layer below with one line: never a host crash, never a hang. */
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int (*call6)(u32, u32, u32, u32, u32, u32, u32, u32);

static unsigned char *startup;
static u32 gates[96];

static u32 field(u32 offset) { return *(u32 *)(startup + offset); }

static int call(u32 n, u32 a, u32 b, u32 c, u32 d, u32 e, u32 f, u32 g, u32 h) {
    return ((call6)(0xf8000000u + 16 * n))(a, b, c, d, e, f, g, h);
}
static void leave(u32 code) { for (;;) call(5, code, 0, 0, 0, 0, 0, 0, 0); }
static void say(const char *text) { u32 n = 0; while (text[n]) n++; call(45, (u32)text, n, 0, 0, 0, 0, 0, 0); }

static void upcalls(u32 start, u32 dispatch) {
    u32 *slot = (u32 *)field(0x28);
    slot[0] = 24; slot[1] = 1; slot[2] = start; slot[3] = 0; slot[4] = dispatch; slot[5] = 0;
}

/* Dispatches that end well, badly, or not at all. */
static void dispatch_exit(void *e, void *c) { (void)e; (void)c; leave(0); }
static u32 faults;
static void dispatch_again(void *e, void *c) { (void)e; (void)c; faults++; *(volatile u32 *)0 = 1; }
static void dispatch_same(void *e, void *c) { (void)e; (void)c; if (++faults == 1000) leave(0); }
static void dispatch_wild_context(void *e, u32 *c) {
    (void)e;
    if (++faults > 64) leave(0);
    for (int i = 2; i < 152; i++) c[i] = 0xfffffff0u + i * 0x1234567u * faults;
}

static u32 seed = 12345;
static u32 random32(void) { seed ^= seed << 13; seed ^= seed >> 17; seed ^= seed << 5; return seed; }

/* Values that look like addresses, sizes, handles and flags, in and out of range. */
static u32 nasty(void) {
    static const u32 some[] = { 0, 1, 2, 3, 4, 7, 8, 0xfff, 0x1000, 0x10000, 0x7fffffff, 0x80000000u, 0xf8000000u, 0xf8001000u,
        0xf8010000u, 0xf8100000u, 0xffffe000u, 0xfffff000u, 0xfffffff0u, 0xfffffffeu, 0xffffffffu };
    u32 r = random32();
    switch (r & 7) {
    case 0: return random32();
    case 1: return (u32)&seed;
    case 2: return (u32)gates;
    case 3: return random32() & 0xffff;
    default: return some[(r >> 8) % (sizeof some / sizeof *some)];
    }
}

static int recurse(volatile int *p) { volatile int here[256]; here[0] = *p; return recurse(here) + here[0]; }

__attribute__((used)) void entry(unsigned char *s) {
    startup = s;
    const char *args = (const char *)field(0x98);
    while (*args) args++;          /* the program's name */
    const char *what = args + 1;   /* the scenario */
    switch (what[0]) {
    case 'a': /* a fault before any upcall is registered */
        *(volatile u32 *)0 = 1; break;
    case 'b': /* a dispatch that faults for ever */
        upcalls(0, (u32)dispatch_again); *(volatile u32 *)0 = 1; break;
    case 'c': /* a dispatch that resumes the fault unchanged, a thousand times */
        upcalls(0, (u32)dispatch_same); *(volatile u32 *)0 = 1; break;
    case 'd': /* a dispatch into nowhere */
        upcalls(0, 0x10); *(volatile u32 *)0 = 1; break;
    case 'e': /* every call with wild pointers */
        upcalls(0, (u32)dispatch_exit);
        for (u32 n = 1; n < 96; n++) {
            if (n == 5 || n == 26 || n == 63 || n == 68 || n == 4 || n == 28 || n == 39 || n == 64 || n == 41 || n == 2 || n == 12 || n == 3 || n >= 86 || (n > 45 && n < 64)) continue;
            for (u32 k = 0; k < 6; k++) {
                static const u32 wild[] = { 0xffffffffu, 0xfffff000u, 4, 0x80000000u, 0xf8000000u, 0xffffe000u };
                u32 w = wild[k];
                call(n, w, w, w, w, w, w, w, w);
                call(n, 1, w, 64, w, w, w, w, w);
            }
        }
        say("all refused\n"); leave(0); break;
    case 'f': /* random calls, random arguments */
        upcalls(0, (u32)dispatch_exit);
        for (int i = 0; i < 200000; i++) {
            u32 n = random32() % 86;
            /* not the ones that end or multiply or sleep, nor those that take away the ground it stands on */
            if (n == 0 || n == 2 || n == 3 || n == 12 || n == 5 || n == 26 || n == 4 || n == 68 || n == 25 || n == 28 || n == 39 || n == 64 || (n > 45 && n < 64) || n == 8 || n == 9 || n == 81 || n == 67 || n == 41) continue;
            call(n, nasty(), nasty(), nasty(), nasty(), nasty(), nasty(), nasty(), nasty());
        }
        leave(0); break;
    case 'g': /* takes away its own code */
        upcalls(0, (u32)dispatch_exit);
        call(2, field(0x30), field(0x38), 2, 0, 0, 0, 0, 0);
        break;
    case 'h': /* takes away the gates */
        upcalls(0, (u32)dispatch_exit);
        call(2, 0xf8000000u, 4096, 2, 0, 0, 0, 0, 0);
        leave(0); break;
    case 'i': /* takes away its upcall stack, then faults */
        upcalls(0, (u32)dispatch_exit);
        call(2, field(0x108), field(0x110), 2, 0, 0, 0, 0, 0);
        *(volatile u32 *)0 = 1; break;
    case 'j': /* gates that are none, and the middle of a gate */
        upcalls(0, (u32)dispatch_wild_context);
        for (u32 n = 46; n < 256; n++) if (n != 63 && (n < 64 || n > 85)) ((void (*)(void))(0xf8000000u + 16 * n))();
        leave(0); break;
    case 'k': /* the return gate without a dispatch */
        upcalls(0, (u32)dispatch_exit);
        __asm__ volatile("movl $0xfffffff0, %%esp; movl $0xf80003f0, %%eax; jmp *%%eax" ::: "memory"); break;
    case 'l': /* its own stack overflows */
        upcalls(0, (u32)dispatch_exit); { volatile int z = 0; recurse(&z); } break;
    case 'm': /* contexts full of nonsense */
        upcalls(0, (u32)dispatch_wild_context); *(volatile u32 *)0 = 1; break;
    case 'n': /* threads from nowhere to nowhere */
        upcalls(0x10, (u32)dispatch_exit);
        { static u64 p[7]; static u32 h; p[0] = 0x10; p[2] = 0xfffff000u; p[3] = 0x2000; p[6] = 0; call(25, (u32)p, sizeof p, (u32)&h, 0, 0, 0, 0, 0);
          p[2] = 0x1000; p[3] = 0x1000; p[4] = ~0ull; p[5] = ~0ull; call(25, (u32)p, sizeof p, (u32)&h, 0, 0, 0, 0, 0); }
        for (int i = 0; i < 1000; i++) call(27, 0, 0, 0, 0, 0, 0, 0, 0);
        leave(0); break;
    case 'o': /* spins for ever: a signal to the command must end it */
        for (;;) ; break;
    case 'p': /* a REP that runs off the end of the address space */
        upcalls(0, (u32)dispatch_exit);
        __asm__ volatile("cld; rep stosl" : : "D"(field(0x108)), "c"(0x3fffffff), "a"(0xcccccccc) : "memory"); break;
    default:
        say("no such scenario\n"); leave(99);
    }
    leave(1);
}

__asm__(".globl _start\n_start: pushl 4(%esp)\n call entry\n hlt\n");
