#include "textflag.h"

// func prefetch(p *byte, lines int)
TEXT ·prefetch(SB), NOSPLIT, $0-16
	MOVQ p+0(FP), AX
	MOVQ lines+8(FP), CX
loop:
	PREFETCHT0 (AX)
	ADDQ $64, AX
	DECQ CX
	JNZ loop
	RET

// func prefetchRows(p *byte, stride, rows, bytes int)
TEXT ·prefetchRows(SB), NOSPLIT, $0-32
	MOVQ p+0(FP), SI
	MOVQ stride+8(FP), DX
	MOVQ rows+16(FP), CX
	MOVQ bytes+24(FP), BX
row:
	MOVQ SI, AX
	ANDQ $-64, AX
	LEAQ (SI)(BX*1), DI
line:
	PREFETCHT0 (AX)
	ADDQ $64, AX
	CMPQ AX, DI
	JCS line
	ADDQ DX, SI
	DECQ CX
	JNZ row
	RET
