//! A folder with the `kindred` binary, its stand-ins, documents and a workspace.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::understudy::{ARGUMENTS_VARIABLE, FOLDER_VARIABLE};

pub(crate) const TRAINING: &str = "\
apiVersion: kindred.dev/v1
kind: Training
metadata: {name: repurchase}
spec:
  tables: {people: {url: people.csv}}
  examples: people
  key: person
  features: {age: {kind: numeric}}
  tasks: {repurchase: {kind: binary, label: bought}}
  network: {kind: linear}
  register: {aliases: [candidate]}
";

/// A Scoring document with one audience.
pub(crate) fn scoring(audience: &str) -> String {
    format!(
        "\
apiVersion: kindred.dev/v1
kind: Scoring
metadata: {{name: nightly}}
spec:
  model: repurchase@candidate
  tables: {{people: {{url: people.csv}}}}
  population: people
  key: person
  resources: {{processes: 2}}
  audiences:
    {audience}:
      rank_by: repurchase
      size: {{top: 1000}}
"
    )
}

pub(crate) struct Sandbox {
    folder: TempDir,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        let sandbox = Self { folder: tempfile::tempdir().unwrap() };
        sandbox.write("people.csv", "person,age,bought\n1,30,1\n2,40,0\n3,50,1\n");
        std::fs::create_dir(sandbox.path("bin")).unwrap();
        let kindred = Path::new(env!("CARGO_BIN_EXE_kindred"));
        std::fs::hard_link(kindred, sandbox.path("bin/kindred"))
            .or_else(|_| std::fs::copy(kindred, sandbox.path("bin/kindred")).map(|_| ()))
            .unwrap();
        let script = format!(
            "#!/bin/sh\nexport {ARGUMENTS_VARIABLE}=\"$*\" {FOLDER_VARIABLE}='{folder}'\n\
             program='{this} --exact understudy::acts_as_a_program --nocapture'\n\
             [ \"$1\" = check ] || [ \"$1\" = lift ] || exec $program\n\
             $program >/dev/null || exit 1\n\
             cat '{folder}/answer'\n",
            folder = sandbox.folder.path().display(),
            this = std::env::current_exe().unwrap().display(),
        );
        for program in ["bin/kindred-trainer", "bin/kindred-scorer"] {
            sandbox.write(program, &script);
            std::fs::set_permissions(sandbox.path(program), std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        sandbox
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn remove(&self, name: &str) {
        std::fs::remove_file(self.path(name)).unwrap();
    }

    pub(crate) fn kindred(&self, line: &str) -> Ended {
        let child = self.spawn(line, Stdio::piped());
        Ended::of(child.wait_with_output().unwrap())
    }

    pub(crate) fn spawn(&self, line: &str, output: Stdio) -> Child {
        let mut command = Command::new(self.path("bin/kindred"));
        command.args(line.split(' ')).current_dir(self.folder.path()).env_remove("KINDRED_WORKSPACE");
        command.stdin(Stdio::null()).stdout(output).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// The process that stopped at a held unit.
    pub(crate) fn began(&self, unit: &str) -> u32 {
        loop {
            if let Ok(pid) = std::fs::read_to_string(self.path(&format!("began {unit}"))) {
                return pid.parse().unwrap();
            }
            std::thread::yield_now();
        }
    }
}

pub(crate) fn signal(pid: u32, signal: i32) {
    // SAFETY: kill takes two integers; the process is a child that has not been waited for.
    assert_eq!(unsafe { libc::kill(pid as i32, signal) }, 0);
}

/// Whether a process is there and not just waiting to be waited for.
pub(crate) fn is_running(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|state| !state.is_empty() && !state.starts_with(['Z', 'X']))
}
