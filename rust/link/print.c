// SPDX-License-Identifier: GPL-2.0
/*
 * Formats the messages of a module's Rust code in the module.
 *
 * The kernel crate prints with the format %pA: it passes a pointer to core::fmt::Arguments
 * to C code. The kernel's vsnprintf() passes the pointer on to rust_fmt_argument() of the
 * kernel image. The data behind the pointer has the layout of the module's rustc. The image
 * may have been built by another rustc, or without CONFIG_RUST. So the functions of this
 * file replace the kernel's printing functions for all Rust code of the module. They format
 * with the module's own copy of rust_fmt_argument().
 *
 * The functions are linked as bitcode and become local, so that Rust code calls them instead
 * of the kernel's functions of the same names. rust_link_kernel_printk() and
 * rust_link_kernel_dev_printk() are the kernel's _printk() and _dev_printk(): rust/link/Kbuild
 * renames these symbols.
 */

#include <linux/dev_printk.h>
#include <linux/minmax.h>
#include <linux/printk.h>
#include <linux/seq_file.h>
#include <linux/stdarg.h>
#include <linux/string.h>

/* In bytes. Longer messages of Rust code are cut. printk() itself cuts at 1024 bytes. */
#define LINE_LENGTH 512

/*
 * In the kernel crate. Writes as much of the text as fits before @end, and returns where the
 * whole text would end.
 */
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

/* rust/kernel/print.rs and kunit.rs use the two formats with %pA. C code uses any other format. */
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

/* rust/kernel/device.rs uses the format %pA. C code uses any other format. */
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

/* Like seq_vprintf(): if the text does not fit, seq_read() calls again with a larger buffer. */
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
