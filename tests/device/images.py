# SPDX-License-Identifier: GPL-2.0
"""Makes the ramdisk and the partitions of a guest that plays an Android device."""

import glob
import os
import re
import shutil
import subprocess

from fence import guest

HERE = os.path.dirname(os.path.realpath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
TRIPLES = {"x86_64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}
USERS = {"root": 0, "system": 1000, "graphics": 1003, "shell": 2000}
# Nodes that all users may open.
OPEN_TO_ALL = ["null", "zero", "random", "urandom", "tty", "ptmx"]
# The programs of /system/bin, by their paths in Debian's packages.
PROGRAMS = ["usr/bin/mksh", "usr/bin/toybox", "usr/lib/android-sdk/platform-tools/adbd",
            "usr/sbin/traced", "usr/sbin/traced_probes", "usr/bin/perfetto"]
# Debian's toybox has no commands for properties and SELinux.
SCRIPTS = {
    "getprop": "sed -n \"s/^$1=//p\" /dev/properties | tail -n 1",
    "chcon": "setfattr -n security.selinux -v \"$1\" \"$2\"",
}
# The modules that the first stage needs to mount the partitions, and adbd to be reached.
FIRST_MODULES = ["virtio_blk.ko", "erofs.ko", "virtio_net.ko"]
POLICY = ["head", "device.te", "*", "hal_graphics_test.te", "tail"]


def call(*command, **options):
    """Runs a command, which must succeed. Returns its output."""
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            check=False, **options)
    if result.returncode:
        raise guest.Unavailable(f"{' '.join(command)[:200]} failed:\n{result.stdout}")
    return result.stdout


def write(path, text):
    """Writes a file, in a folder that is made if it is missing."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def compile_policy(output, extra=""):
    """Compiles the project's rules on top of the guest's. Returns the complaint of checkpolicy, or None."""
    names = []
    for name in POLICY:
        names += sorted(glob.glob(f"{TOP}/android/sepolicy/*.te")) if name == "*" else \
            [f"{HERE}/sepolicy/{name}"]
    text = ""
    for name in names:
        if name.endswith("/tail"):
            text += extra
        text += subprocess.run(["m4", f"{HERE}/sepolicy/macros", name], stdout=subprocess.PIPE,
                               text=True, check=True).stdout
    write(f"{output}.conf", text)
    result = subprocess.run(
        ["checkpolicy", "-M", "-c", "30", "-U", "allow", "-o", output, f"{output}.conf"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return result.stdout if result.returncode else None


def compile_helper(arch, output):
    """Compiles android.c."""
    suffix = call("bash", "-c", f". {TOP}/scripts/kernel/cache; printf %s \"$LLVM_SUFFIX\"")
    include = ["-isystem", "/usr/aarch64-linux-gnu/include"] if arch == "arm64" else []
    call(f"clang{suffix}", f"--target={TRIPLES[arch]}", *include, "-I", f"{TOP}/include/uapi", "-O1",
         "-static", "-Wall", "-Wextra", "-Werror", "-fuse-ld=lld", "-o", output, f"{HERE}/android.c")


def needed(packages, arch, files):
    """Returns the libraries that programs need: the names, and the files in the packages."""
    folders = [f"{packages}/usr/lib/{TRIPLES[arch]}", f"{packages}/usr/lib/{TRIPLES[arch]}/android",
               f"{packages}/usr/lib/perfetto", f"{packages}/usr/lib64", f"{packages}/usr/lib"]
    found, wanted = {}, list(files)
    while wanted:
        said = call("readelf", "-d", "-l", wanted.pop())
        names = re.findall(r"\(NEEDED\).*\[(.*)\]", said)
        names += [os.path.basename(name) for name in re.findall(r"interpreter: (.*)\]", said)]
        for name in names:
            if name in found:
                continue
            found[name] = next(path for path in (f"{folder}/{name}" for folder in folders)
                               if os.path.exists(path))
            wanted.append(found[name])
    return found


class Images:
    """The files of a guest, below a scratch folder."""

    def __init__(self, scratch, arch, archive, modules):
        self.scratch, self.arch, self.archive, self.modules = scratch, arch, archive, modules
        self.packages = guest.output_of(f"{HERE}/packages", arch)
        self.helper = f"{scratch}/android"
        compile_helper(arch, self.helper)
        self.commands = self.toybox_commands()

    def toybox_commands(self):
        """Returns the names of toybox's commands.

        This machine can run the toybox of its own architecture only.
        """
        packages = guest.output_of(f"{HERE}/packages", "x86_64")
        libraries = f"{packages}/usr/lib/{TRIPLES['x86_64']}"
        return call(f"{libraries}/ld-linux-x86-64.so.2", "--library-path", libraries,
                    f"{packages}/usr/bin/toybox").split()

    def fill_bin(self, root, programs):
        """Makes bin and lib64 of the system, or of the ramdisk."""
        os.makedirs(f"{root}/bin")
        os.makedirs(f"{root}/lib64")
        paths = [f"{self.packages}/{program}" for program in programs]
        for path in paths:
            shutil.copy(path, f"{root}/bin/{'mksh' if '/mksh' in path else os.path.basename(path)}")
        shutil.copy(self.helper, f"{root}/bin/android")
        os.symlink("mksh", f"{root}/bin/sh")
        for name in self.commands:
            if not os.path.lexists(f"{root}/bin/{name}"):
                os.symlink("toybox", f"{root}/bin/{name}")
        for name, path in needed(self.packages, self.arch, paths).items():
            shutil.copy(path, f"{root}/lib64/{name}")

    def make_partition(self, name, contexts):
        """Makes an image of the folder NAME, with the labels of the files."""
        write(f"{self.scratch}/{name}_contexts", "".join(f"{path} {label}\n" for path, label in contexts))
        call("mkfs.erofs", "--quiet", "--all-root", "-T0", f"--file-contexts={self.scratch}/{name}_contexts",
             f"{self.scratch}/{name}.img", f"{self.scratch}/{name}")

    def make_system(self):
        """The partition system: programs, users, and the labels of nodes that all devices have."""
        root = f"{self.scratch}/system"
        self.fill_bin(root, PROGRAMS)
        shutil.copy(f"{HERE}/init", f"{root}/bin/init")
        shutil.copy(self.helper, f"{root}/bin/ueventd")
        for name, script in SCRIPTS.items():
            write(f"{root}/bin/{name}", f"#!/system/bin/sh\n{script}\n")
        for name in ("init", *SCRIPTS):
            os.chmod(f"{root}/bin/{name}", 0o755)
        write(f"{root}/build.prop", "ro.build.type=userdebug\nservice.adb.tcp.port=5555\n")
        write(f"{root}/etc/passwd", "".join(
            f"{name}::{uid}:{uid}::/:/system/bin/sh\n" for name, uid in USERS.items()))
        write(f"{root}/etc/group", "".join(
            f"{name}:x:{gid}:{'system' if name == 'graphics' else ''}\n" for name, gid in USERS.items()))
        write(f"{root}/etc/selinux/plat_file_contexts", "".join(
            f"/dev/{name} u:object_r:null_device:s0\n" for name in OPEN_TO_ALL))
        write(f"{root}/etc/ueventd.rc", "".join(f"/dev/{name} 0666 root root\n" for name in OPEN_TO_ALL))
        self.make_partition("system", [("/.*", "u:object_r:system_file:s0"),
                                       ("/bin/init", "u:object_r:init_exec:s0"),
                                       ("/bin/ueventd", "u:object_r:ueventd_exec:s0")])

    def make_vendor(self):
        """The partitions vendor and vendor_dlkm: the files of the archive, and the policy."""
        root = f"{self.scratch}/vendor"
        shutil.copytree(f"{self.archive}/vendor", root)
        os.makedirs(f"{root}/etc/selinux")
        shutil.copy(f"{root}/sepolicy/file_contexts", f"{root}/etc/selinux/vendor_file_contexts")
        if complaint := compile_policy(f"{self.scratch}/policy"):
            raise guest.Unavailable(f"checkpolicy: {complaint}")
        shutil.copy(f"{self.scratch}/policy", f"{root}/etc/selinux/precompiled_sepolicy")
        write(f"{root}/build.prop", "ro.product.vendor.device=fence\n")
        self.make_partition("vendor", [("/.*", "u:object_r:vendor_file:s0")])
        shutil.copytree(f"{self.archive}/vendor_dlkm", f"{self.scratch}/vendor_dlkm")
        self.make_partition("vendor_dlkm", [("/.*", "u:object_r:vendor_file:s0")])

    def make_ramdisk(self, name, more=()):
        """Makes a ramdisk whose modules.load names the files MORE too. Returns its path."""
        root = f"{self.scratch}/{name}"
        for folder in ("dev", "proc", "sys", "data", "vendor", "vendor_dlkm", "lib/modules"):
            os.makedirs(f"{root}/{folder}")
        self.fill_bin(f"{root}/system", ["usr/bin/mksh-static", "usr/bin/toybox"])
        shutil.copy(f"{HERE}/first_stage", f"{root}/init")
        os.chmod(f"{root}/init", 0o755)
        shutil.copy(f"{HERE}/load_modules", f"{root}/load_modules")
        os.symlink("/system/bin", f"{root}/bin")
        os.symlink("/system/etc", f"{root}/etc")
        # The places where the loader of Debian's programs looks.
        os.symlink("/system/lib64", f"{root}/lib64")
        os.symlink("/system/lib64", f"{root}/lib/{TRIPLES[self.arch]}")
        os.symlink("/system/lib64/ld-linux-aarch64.so.1", f"{root}/lib/ld-linux-aarch64.so.1")
        for path in more:
            shutil.copy(path, f"{root}/lib/modules/")
        for path in glob.glob(f"{self.modules}/*.ko"):
            shutil.copy(path, f"{root}/lib/modules/")
        shutil.copy(f"{self.modules}/modules.dep", f"{root}/lib/modules/")
        with open(f"{root}/lib/modules/modules.dep", "a", encoding="utf-8") as file:
            file.writelines(f"{os.path.basename(path)}:\n" for path in more)
        write(f"{root}/lib/modules/modules.load", "".join(
            f"{module}\n" for module in (*FIRST_MODULES, *map(os.path.basename, more))))
        with open(f"{root}.cpio", "wb") as file:
            names = subprocess.run(["find", "."], cwd=root, stdout=subprocess.PIPE, check=True).stdout
            subprocess.run(["cpio", "--quiet", "-o", "-H", "newc", "-R", "0:0"], cwd=root, input=names,
                           stdout=file, check=True)
        return f"{root}.cpio"
