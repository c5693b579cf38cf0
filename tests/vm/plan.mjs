// Reads what cargo built and prints what the machine runs: one line of tab-separated fields for each run of a test program.
// Names given as arguments keep only the lines whose names begin with one of them.
import path from "node:path";

const wanted = process.argv.slice(2);
const built = new Map();
process.stdin.setEncoding("utf8");
let text = "";
for await (const chunk of process.stdin) text += chunk;
for (const line of text.split("\n")) {
  if (!line.startsWith("{")) continue;
  const message = JSON.parse(line);
  if (message.reason !== "compiler-artifact" || !message.executable || !message.profile.test) continue;
  const crate = path.basename(path.dirname(message.manifest_path));
  built.set(`${crate}/${message.target.kind.includes("lib") ? "unit" : message.target.name}`, {
    directory: path.dirname(message.manifest_path),
    program: message.executable,
  });
}

// Name, test program, control group, scratch file system, deadline in seconds, arguments.
const runs = [
  ["sandbox-root", "sandbox/it", "root", "ext4", 900, ""],
  ["host-root", "host/it", "root", "ext4", 900, ""],
  ["attack-root", "server/attack", "root", "ext4", 900, ""],
  ["sandbox-delegated", "sandbox/it", "delegated", "ext4", 900, ""],
  ["host-delegated", "host/it", "delegated", "xfs", 900, ""],
  ["host-btrfs", "host/it", "delegated", "btrfs", 900, ""],
  ["sandbox-unit", "sandbox/unit", "root", "ext4", 300, ""],
  ["host-unit", "host/unit", "root", "xfs", 300, ""],
  ["agent", "agent/it", "delegated", "ext4", 900, ""],
];
for (const [name, program, groups, disk, deadline, words] of runs) {
  const found = built.get(program);
  if (!found || (wanted.length > 0 && !wanted.some((start) => name.startsWith(start)))) continue;
  process.stdout.write(`${[name, groups, disk, deadline, found.directory, found.program, words].join("\t")}\n`);
}
