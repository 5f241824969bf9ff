# The smallest program: two system calls and no library.
        .globl _start
_start: movl $4, %eax
        movl $1, %ebx
        movl $text, %ecx
        movl $end - text, %edx
        int $0x80
        movl $1, %eax
        xorl %ebx, %ebx
        int $0x80
        hlt
        .data
text:   .ascii "no library here\n"
end:
        .section .note.GNU-stack, "", @progbits
