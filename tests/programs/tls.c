/* Thread-local storage through GS: variables, set_thread_area, descriptors of one's own. */
#include "common.h"
#include <asm/ldt.h>
static __thread int counter = 41;
static __thread char text[32] = "per thread";
static __thread int zeroed;
int main(void) {
    counter++;
    printf("%d %s %d\n", counter, text, zeroed);
    uint32_t self, first, gs;
    __asm__("mov %%gs:0, %0; mov %%gs, %1" : "=r"(self), "=r"(gs));
    first = *(uint32_t *)self;
    printf("gs:0 points to itself: %d; the selector is of the GDT, privilege %u\n", self == first, gs & 3);
    static uint32_t block[4] = {0x11223344, 0x55667788, 0x99aabbcc, 0xddeeff00};
    struct user_desc d = {.entry_number = -1, .base_addr = (unsigned)block, .limit = 0xfffff, .seg_32bit = 1, .limit_in_pages = 1, .useable = 1};
    show("set_thread_area", SYS1(set_thread_area, &d));
    printf("it chose an entry: %d\n", d.entry_number >= 6 && d.entry_number <= 14);
    uint32_t value, other, old;
    __asm__ volatile("mov %%fs, %2; mov %3, %%fs; mov %%fs:4, %0; movl $7, %%fs:8; mov %%fs:12, %1; mov %2, %%fs"
                     : "=&r"(value), "=&r"(other), "=&r"(old) : "r"(d.entry_number * 8 + 3) : "memory");
    printf("through FS: %x %x, stored %x\n", value, other, block[2]);
    struct user_desc got = {.entry_number = d.entry_number};
    show("get_thread_area", SYS1(get_thread_area, &got));
    printf("base agrees %d, limit %x, 32 bit %u, pages %u\n", got.base_addr == d.base_addr, got.limit, got.seg_32bit, got.limit_in_pages);
    struct user_desc wrong = {.entry_number = 3};
    show("an entry that is not ours", SYS1(set_thread_area, &wrong));
    show("get one that is not ours", SYS1(get_thread_area, &wrong));
    show("a wild pointer", SYS1(set_thread_area, 16));
    int status;
    if (fork() == 0) { counter++; _exit(counter == 43 && strcmp(text, "per thread") == 0 ? 0 : 1); }
    wait(&status); show_status("in a child", status); printf("here still %d\n", counter);
    return 0;
}
