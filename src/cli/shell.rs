//! `ampgate completions` and `ampgate man`: what the system around a program wants of it.

use clap::CommandFactory as _;
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::{Cli, Failure, say};

/// The completion script of a shell.
pub(super) fn completions(shell: Shell) {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "ampgate", &mut script);
    say(String::from_utf8_lossy(&script).trim_end());
}

/// One page for the program and all of its commands.
pub(super) fn man() -> Result<(), Failure> {
    let page = page().map_err(|error| format!("cannot write the page: {error}"))?;
    say(String::from_utf8_lossy(&page).trim_end());
    Ok(())
}

fn page() -> std::io::Result<Vec<u8>> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let mut page = Vec::new();
    let whole = Man::new(command.clone());
    whole.render_title(&mut page)?;
    whole.render_name_section(&mut page)?;
    whole.render_synopsis_section(&mut page)?;
    whole.render_description_section(&mut page)?;
    whole.render_options_section(&mut page)?;
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
        let mut heading = Roff::new();
        heading.control("SH", [format!("ampgate {}", inner.get_name()).to_uppercase().as_str()]);
        let about = inner.get_long_about().or(inner.get_about()).map(ToString::to_string);
        heading.text([roman(about.unwrap_or_default())]);
        heading.to_writer(&mut page)?;
        let own: Vec<_> =
            inner.get_arguments().filter(|arg| !arg.is_global_set() && !is_help(arg)).collect();
        if !own.is_empty() {
            // A section of options for the command's own: those for all stand above.
            let mut bare = clap::Command::new("options").disable_help_flag(true);
            bare = bare.args(own.into_iter().cloned());
            let mut options = Vec::new();
            Man::new(bare).render_options_section(&mut options)?;
            let options = String::from_utf8_lossy(&options).replace(".SH OPTIONS\n", "");
            page.extend_from_slice(options.as_bytes());
        }
    }
    whole.render_version_section(&mut page)?;
    Ok(page)
}

fn is_help(arg: &clap::Arg) -> bool {
    matches!(arg.get_id().as_str(), "help" | "version")
}
