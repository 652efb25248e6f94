# What C++ and Rust throw their exceptions with. compiler-rt has it, but not where that is built without exceptions, as Debian's.
	.globl	__cpp_exception
	.tagtype	__cpp_exception i32
__cpp_exception:
