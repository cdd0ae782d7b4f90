//! What comes after publishing: lift, reviews, retention.

use std::time::Duration;

use clap::Args;
use spec::{AudienceName, ColumnName, Version};

use super::Shown;

/// What an audience brought.
#[derive(Debug, Args)]
pub struct Lift {
    /// The audience
    #[arg(long, value_name = "NAME")]
    pub audience: AudienceName,
    /// Its version; the current one when absent
    #[arg(long, value_name = "N", value_parser = version)]
    pub version: Option<Version>,
    /// What came of people
    #[command(flatten)]
    pub outcomes: Outcomes,
    /// How results are printed
    #[command(flatten)]
    pub shown: Shown,
}

/// What several audiences brought, side by side.
#[derive(Debug, Args)]
pub struct Review {
    /// An audience, or one of its versions; may be repeated
    #[arg(long = "audience", required = true, value_name = "NAME[@VERSION]", value_parser = chosen)]
    pub audiences: Vec<Chosen>,
    /// What addressing an audience has cost in all, in the unit of the values; may be repeated
    #[arg(long = "cost", value_name = "NAME[@VERSION]=AMOUNT", value_parser = cost)]
    pub costs: Vec<(Chosen, f64)>,
    /// What came of people
    #[command(flatten)]
    pub outcomes: Outcomes,
    /// How results are printed
    #[command(flatten)]
    pub shown: Shown,
}

/// An audience, and a version where one is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// The audience.
    pub audience: AudienceName,
    /// The version.
    pub version: Option<Version>,
}

/// A table of what came of people.
#[derive(Debug, Args)]
pub struct Outcomes {
    /// What came of people, a row an event or a person: a file, a folder or a glob of Parquet, CSV or JSON lines
    #[arg(long = "outcomes", value_name = "URL")]
    pub url: String,
    /// Its column with people's ids as the population has them; they are made into published ids as the audience says
    #[arg(long, value_name = "COLUMN", required_unless_present = "id")]
    pub key: Option<ColumnName>,
    /// The published id column that people are found by; without --key, the outcomes have it under the same name
    #[arg(long, value_name = "COLUMN")]
    pub id: Option<ColumnName>,
    /// Whether a row is a conversion; when absent, a row is one, or with --value a sum above 0
    #[arg(long, value_name = "COLUMN")]
    pub converted: Option<ColumnName>,
    /// What a row is worth
    #[arg(long, value_name = "COLUMN")]
    pub value: Option<ColumnName>,
    /// Whether a row's person was reached; reported, never compared
    #[arg(long, value_name = "COLUMN")]
    pub exposed: Option<ColumnName>,
    /// How sure intervals are to hold the truth, between 0.5 and 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.95, value_parser = confidence)]
    pub confidence: f64,
}

/// Retention.
#[derive(Debug, Args)]
pub struct Gc {
    /// Say what would be deleted, and delete nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Rows of runs that finished longer ago are deleted; logs, documents and commits stay
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = length)]
    pub runs_older_than: Duration,
    /// What nobody names (attempts that lost, versions that were never published) is deleted when nobody has written to
    /// it for so long
    #[arg(long, value_name = "TIME", default_value = "1d", value_parser = length)]
    pub leftovers_older_than: Duration,
    /// How results are printed
    #[command(flatten)]
    pub shown: Shown,
}

fn length(text: &str) -> Result<Duration, String> {
    spec::duration::parse(text).map_err(|error| error.to_string())
}

fn version(text: &str) -> Result<Version, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(Version(number)),
        _ => Err("a version is a whole number above 0".to_owned()),
    }
}

fn confidence(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.5..1.0).contains(&share) => Ok(share),
        _ => Err("write a share between 0.5 and 1, such as 0.95".to_owned()),
    }
}

fn chosen(text: &str) -> Result<Chosen, String> {
    let (name, number) = text.split_once('@').map_or((text, None), |(name, number)| (name, Some(number)));
    let audience = name.parse::<AudienceName>().map_err(|error| error.to_string())?;
    Ok(Chosen { audience, version: number.map(version).transpose()? })
}

fn cost(text: &str) -> Result<(Chosen, f64), String> {
    let (of, amount) = text.rsplit_once('=').ok_or("write NAME=AMOUNT or NAME@VERSION=AMOUNT")?;
    match amount.parse::<f64>() {
        Ok(amount) if amount.is_finite() && amount >= 0.0 => Ok((chosen(of)?, amount)),
        _ => Err(format!("`{amount}` is not an amount: write a number from 0 up")),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::arguments::{Arguments, Command, Format};

    fn parsed(line: &str) -> Command {
        Arguments::try_parse_from(line.split(' ')).unwrap_or_else(|error| panic!("{error}")).command
    }

    #[test]
    fn lift_names_an_audience_and_the_columns_of_its_outcomes() {
        let line = "kindred lift --audience buyers --version 7 --outcomes s3://b/o --key email --converted bought \
                    --value spent --exposed seen --output json";
        let Command::Lift(lift) = parsed(line) else { panic!("not lift") };
        assert_eq!((lift.audience.as_str(), lift.version), ("buyers", Some(Version(7))));
        assert_eq!(lift.outcomes.key.unwrap().as_str(), "email");
        assert_eq!((lift.outcomes.confidence, lift.shown.format), (0.95, Format::Json));
    }

    #[test]
    fn a_review_names_audiences_versions_and_costs() {
        let line = "kindred review --audience a --audience b@3 --cost b@3=120.5 --outcomes o.csv --id sha256_email";
        let Command::Review(review) = parsed(line) else { panic!("not review") };
        assert_eq!(review.audiences[1].version, Some(Version(3)));
        assert_eq!(review.costs, [(review.audiences[1].clone(), 120.5)]);
    }

    #[test]
    fn retention_has_its_times() {
        let Command::Gc(gc) = parsed("kindred gc --dry-run --runs-older-than 2w") else { panic!("not gc") };
        let days = |days: u64| Duration::from_secs(days * 86_400);
        assert_eq!((gc.dry_run, gc.runs_older_than, gc.leftovers_older_than), (true, days(14), days(1)));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "kindred lift --audience buyers --outcomes o.csv",
            "kindred lift --audience buyers --key id",
            "kindred lift --audience Buyers! --outcomes o.csv --key id",
            "kindred lift --audience buyers --version 0 --outcomes o.csv --key id",
            "kindred lift --audience buyers --outcomes o.csv --key id --confidence 95",
            "kindred review --outcomes o.csv --key id",
            "kindred review --audience a@x --outcomes o.csv --key id",
            "kindred review --audience a --cost a --outcomes o.csv --key id",
            "kindred review --audience a --cost a=-1 --outcomes o.csv --key id",
            "kindred gc --runs-older-than month",
        ] {
            assert!(Arguments::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
