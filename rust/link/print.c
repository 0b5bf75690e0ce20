// SPDX-License-Identifier: GPL-2.0
/*
 * Formatting for a module that is linked with its part of the kernel crate.
 *
 * The kernel crate prints by %pA: it gives a pointer to core::fmt::Arguments to C,
 * whose vsnprintf() calls rust_fmt_argument() of the kernel image. What that pointer
 * leads to has the layout of the module's rustc, and the image may be built by another
 * one, or without CONFIG_RUST. So these functions take the place of the kernel's for
 * all Rust code of the module, and format with the rust_fmt_argument() that the module
 * has brought along.
 *
 * They are linked as bitcode, become local, and shadow the imports of the same names.
 * rust_link_kernel_printk() and rust_link_kernel_dev_printk() are the kernel's _printk()
 * and _dev_printk(): rust/link/Kbuild renames them.
 */

#include <linux/dev_printk.h>
#include <linux/minmax.h>
#include <linux/printk.h>
#include <linux/seq_file.h>
#include <linux/stdarg.h>
#include <linux/string.h>

/* Longer messages of Rust code are cut. printk() itself cuts at 1024. */
#define LINE_LENGTH 512

/* Of the kernel crate: writes what fits, returns where all of it would end. */
char *rust_fmt_argument(char *buf, char *end, const void *arguments);

#ifdef CONFIG_PRINTK

__printf(1, 2) int rust_link_kernel_printk(const char *fmt, ...);
__printf(3, 4) void rust_link_kernel_dev_printk(const char *level, const struct device *dev,
						const char *fmt, ...);

static int print_rust(const char *prefix, size_t prefix_length, const char *name,
		      const void *arguments)
{
	char line[LINE_LENGTH];
	char *end = rust_fmt_argument(line, line + sizeof(line), arguments);
	int length = min_t(size_t, end - line, sizeof(line));

	return rust_link_kernel_printk("%.*s%s%s%.*s", (int)prefix_length, prefix, name ?: "",
				       name ? ": " : "", length, line);
}

/* The formats are those of rust/kernel/print.rs and kunit.rs; any other one is C code's. */
int _printk(const char *fmt, ...)
{
	const char *text = printk_skip_level(fmt);
	va_list args;
	int ret;

	va_start(args, fmt);
	if (!strcmp(text, "%s: %pA")) {
		const char *name = va_arg(args, const char *);

		ret = print_rust(fmt, text - fmt, name, va_arg(args, const void *));
	} else if (!strcmp(text, "%pA")) {
		ret = print_rust(fmt, text - fmt, NULL, va_arg(args, const void *));
	} else {
		struct va_format vaf = { .fmt = fmt, .va = &args };

		ret = rust_link_kernel_printk("%pV", &vaf);
	}
	va_end(args);
	return ret;
}

/* The format is that of rust/kernel/device.rs, or C code's. */
void _dev_printk(const char *level, const struct device *dev, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	if (!strcmp(fmt, "%pA")) {
		char line[LINE_LENGTH];
		const void *arguments = va_arg(args, const void *);
		char *end = rust_fmt_argument(line, line + sizeof(line), arguments);

		rust_link_kernel_dev_printk(level, dev, "%.*s",
					    (int)min_t(size_t, end - line, sizeof(line)), line);
	} else {
		struct va_format vaf = { .fmt = fmt, .va = &args };

		rust_link_kernel_dev_printk(level, dev, "%pV", &vaf);
	}
	va_end(args);
}

#endif /* CONFIG_PRINTK */

/* As seq_vprintf(): what does not fit makes seq_read() come again with a larger buffer. */
void seq_printf(struct seq_file *m, const char *fmt, ...)
{
	va_list args;
	size_t size;
	int length;
	char *buf;

	size = seq_get_buf(m, &buf);
	va_start(args, fmt);
	if (!strcmp(fmt, "%pA"))
		length = rust_fmt_argument(buf, buf + size, va_arg(args, const void *)) - buf;
	else
		length = vsnprintf(buf, size, fmt, args);
	va_end(args);
	seq_commit(m, length < size ? length : -1);
}
