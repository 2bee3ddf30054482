"""Small hosts made of a few files, in the forms that the kernel writes; not of any particular machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

CPUS = "sys/devices/system/cpu"

BARE_METAL: dict[str, str] = {
    "proc/cpuinfo": (
        "processor\t: 0\nmodel name\t: Example   CPU 9000 @ 3.10GHz\nmicrocode\t: 0xab\ncpu MHz\t\t: 1200.5\n"
        "flags\t\t: fpu vme sse2\n\n"
        "processor\t: 1\nmodel name\t: Example   CPU 9000 @ 3.10GHz\nflags\t\t: fpu vme sse2\n"
    ),
    f"{CPUS}/online": "0-3\n",
    **{f"{CPUS}/cpu{n}/topology/physical_package_id": f"{n % 2}\n" for n in range(4)},
    **{f"{CPUS}/cpu{n}/topology/core_id": "0\n" for n in range(4)},
    **{f"{CPUS}/cpu{n}/topology/thread_siblings_list": f"{n % 2},{n % 2 + 2}\n" for n in range(4)},
    **{f"{CPUS}/cpu{n}/cpufreq/scaling_governor": "powersave\n" if n else "performance\n" for n in range(4)},
    **{f"{CPUS}/cpu{n}/cpufreq/cpuinfo_min_freq": "800000\n" for n in range(4)},
    **{f"{CPUS}/cpu{n}/cpufreq/cpuinfo_max_freq": f"{3_000_000 + 100_000 * n}\n" for n in range(4)},
    **{f"{CPUS}/cpu{n}/cpufreq/scaling_cur_freq": f"{1_000_000 * (n + 1)}\n" for n in range(4)},
    f"{CPUS}/smt/active": "1\n",
    f"{CPUS}/intel_pstate/no_turbo": "1\n",
    f"{CPUS}/vulnerabilities/meltdown": "Mitigation: PTI\n",
    f"{CPUS}/vulnerabilities/retbleed": "Vulnerable\n",
    "sys/devices/system/node/online": "0-1\n",
    "sys/devices/system/clocksource/clocksource0/current_clocksource": "hpet\n",
    "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
    "sys/class/dmi/id/sys_vendor": "Example Corp\n",
    "sys/class/dmi/id/product_name": "Rack 1\n",
    "sys/class/powercap/intel-rapl/enabled": "1\n",
    "sys/class/powercap/intel-rapl:0/name": "package-0\n",
    "sys/class/powercap/intel-rapl:0/energy_uj": "123456\n",
    "sys/class/net/lo/mtu": "65536\n",
    "etc/os-release": 'NAME="Example Linux"\nPRETTY_NAME="Example Linux 7"\n',
    "proc/meminfo": "MemTotal:  2048 kB\nMemFree: 1 kB\nMemAvailable: 1024 kB\nSwapTotal: 0 kB\n",
    "proc/cmdline": "root=UUID=1234 password=hunter2 mitigations=off isolcpus=2,3 nohz_full=$(id) quiet\n",
    "proc/self/status": "Name:\tpython\nCpus_allowed_list:\t0,2-3\n",
    "proc/self/stat": f"77 (a ) name) S {'0 ' * 14}20 5 1 0 999 {'0 ' * 18}1 0 0\n",
    "proc/self/limits": "Limit           Soft Limit  Hard Limit  Units\nMax open files  1024        4096  files\n",
    "proc/sys/kernel/osrelease": "5.10.0-example\n",
    "proc/sys/kernel/version": "#1 SMP\n",
    "proc/sys/kernel/arch": "x86_64\n",
    "proc/sys/kernel/hostname": "payroll-db-1\n",
    "proc/sys/kernel/perf_event_paranoid": "-1\n",
    "proc/sys/net/ipv4/tcp_congestion_control": "cubic\n",
    "proc/sys/net/ipv4/ip_local_port_range": "32768\t60999\n",
    "proc/sys/net/ipv4/tcp_tw_reuse": "2\n",
    "proc/sys/net/core/somaxconn": "4096\n",
    "proc/sys/net/core/default_qdisc": "fq\n",
    "proc/net/fib_trie": (
        "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 10.20.30.40\n        /32 host LOCAL\n     |-- 10.20.30.255\n"
        "        /32 link BROADCAST\n     |-- 127.0.0.1\n        /32 host LOCAL\n"
    ),
    "proc/self/mountinfo": "30 23 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
    "proc/self/cgroup": "0::/user.slice/job.scope\n",
    "sys/fs/cgroup/user.slice/cpu.max": "150000 100000\n",
    "sys/fs/cgroup/user.slice/job.scope/cpu.max": "max 100000\n",
    "sys/fs/cgroup/user.slice/job.scope/memory.max": "1073741824\n",
    "sys/fs/cgroup/user.slice/memory.max": "max\n",
    "sys/fs/cgroup/user.slice/job.scope/cpuset.cpus.effective": "0-3\n",
}

HYBRID: dict[str, str] = {
    **BARE_METAL,
    "proc/self/mountinfo": (
        "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
        "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
        "34 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
        "35 31 0:32 /pods /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
        "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
        "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
    ),
    "proc/self/cgroup": "9:name=systemd:/\n4:memory:/pods/one\n3:cpuset:/\n2:cpu,cpuacct:/batch\n0::/\n",
    "sys/fs/cgroup/cpu,cpuacct/batch/cpu.cfs_quota_us": "50000\n",
    "sys/fs/cgroup/cpu,cpuacct/batch/cpu.cfs_period_us": "100000\n",
    "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
    "sys/fs/cgroup/cpuset/cpuset.cpus": "0-1\n",
    "sys/fs/cgroup/memory/one/memory.limit_in_bytes": "9223372036854771712\n",
    "sys/fs/cgroup/memory/memory.limit_in_bytes": "536870912\n",
}


def plant(root: Path, files: Mapping[str, str]) -> Path:
    """Write the files under `root`."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root
