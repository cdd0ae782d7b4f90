//! How countries number their telephones.
//!
//! Calling codes are those of ITU-T E.164 (the list in ITU Operational Bulletin 1114); prefixes and lengths of fixed and
//! mobile numbers are those of libphonenumber 9.0.43 (Apache-2.0), without short service numbers. In Germany and
//! Austria numbers may be longer still where a company's own extension is part of them: those are refused, because a
//! mobile number behind its calling code could not be told from them.

use std::ops::RangeInclusive;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A country's numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberPlan {
    /// Its calling code, such as `49`.
    pub calling_code: &'static str,
    /// What is dialled before a number within the country, such as `0`; empty where nothing is.
    pub trunk: &'static str,
    /// What is dialled before a calling code, such as `00`.
    pub abroad: &'static [&'static str],
    /// Digits of a number without calling code and trunk prefix.
    pub digits: RangeInclusive<usize>,
}

macro_rules! countries {
    ($($(#[$doc:meta])* $name:ident = $code:literal: $calling:literal, $trunk:literal, $abroad:expr, $digits:expr;)+) => {
        /// A country whose telephone numbers can be read as they are dialled there, by its ISO 3166 code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum Country {
            $($(#[$doc])* #[serde(rename = $code)] $name,)+
        }

        impl Country {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// Its ISO 3166-1 alpha-2 code.
            pub fn code(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)+
                }
            }

            /// Its numbers.
            pub fn plan(self) -> &'static NumberPlan {
                match self {
                    $(Self::$name => const {
                        &NumberPlan { calling_code: $calling, trunk: $trunk, abroad: &$abroad, digits: $digits }
                    },)+
                }
            }
        }
    };
}

countries! {
    /// United Arab Emirates.
    Ae = "AE": "971", "0", ["00"], 8..=9;
    /// Austria.
    At = "AT": "43", "0", ["00"], 4..=11;
    /// Australia.
    Au = "AU": "61", "0", ["0011"], 9..=9;
    /// Belgium.
    Be = "BE": "32", "0", ["00"], 8..=9;
    /// Bulgaria.
    Bg = "BG": "359", "0", ["00"], 6..=9;
    /// Canada.
    Ca = "CA": "1", "1", ["011"], 10..=10;
    /// Switzerland.
    Ch = "CH": "41", "0", ["00"], 9..=9;
    /// China.
    Cn = "CN": "86", "0", ["00"], 9..=11;
    /// Czechia.
    Cz = "CZ": "420", "", ["00"], 9..=9;
    /// Germany.
    De = "DE": "49", "0", ["00"], 5..=11;
    /// Denmark.
    Dk = "DK": "45", "", ["00"], 8..=8;
    /// Spain.
    Es = "ES": "34", "", ["00"], 9..=9;
    /// Finland.
    Fi = "FI": "358", "0", ["00"], 5..=10;
    /// France.
    Fr = "FR": "33", "0", ["00"], 9..=9;
    /// United Kingdom.
    Gb = "GB": "44", "0", ["00"], 9..=10;
    /// Greece.
    Gr = "GR": "30", "", ["00"], 10..=10;
    /// Hong Kong.
    Hk = "HK": "852", "", ["001"], 8..=8;
    /// Hungary.
    Hu = "HU": "36", "06", ["00"], 8..=9;
    /// Ireland.
    Ie = "IE": "353", "0", ["00"], 7..=10;
    /// Israel.
    Il = "IL": "972", "0", ["00"], 8..=9;
    /// India.
    In = "IN": "91", "0", ["00"], 10..=10;
    /// Italy.
    It = "IT": "39", "", ["00"], 6..=11;
    /// Japan.
    Jp = "JP": "81", "0", ["010"], 9..=10;
    /// South Korea.
    Kr = "KR": "82", "0", ["001", "002", "00"], 8..=10;
    /// Luxembourg.
    Lu = "LU": "352", "", ["00"], 4..=11;
    /// Mexico.
    Mx = "MX": "52", "", ["00"], 10..=10;
    /// Malaysia.
    My = "MY": "60", "0", ["00"], 8..=10;
    /// Netherlands.
    Nl = "NL": "31", "0", ["00"], 9..=9;
    /// Norway.
    No = "NO": "47", "", ["00"], 8..=8;
    /// New Zealand.
    Nz = "NZ": "64", "0", ["00"], 8..=10;
    /// Philippines.
    Ph = "PH": "63", "0", ["00"], 8..=10;
    /// Poland.
    Pl = "PL": "48", "", ["00"], 9..=9;
    /// Portugal.
    Pt = "PT": "351", "", ["00"], 9..=9;
    /// Romania.
    Ro = "RO": "40", "0", ["00"], 9..=9;
    /// Saudi Arabia.
    Sa = "SA": "966", "0", ["00"], 8..=9;
    /// Sweden.
    Se = "SE": "46", "0", ["00"], 7..=9;
    /// Singapore.
    Sg = "SG": "65", "", ["000", "001", "002"], 8..=8;
    /// Slovakia.
    Sk = "SK": "421", "0", ["00"], 9..=9;
    /// Thailand.
    Th = "TH": "66", "0", ["001"], 8..=9;
    /// Türkiye.
    Tr = "TR": "90", "0", ["00"], 10..=10;
    /// Taiwan.
    Tw = "TW": "886", "0", ["002", "009"], 8..=9;
    /// United States.
    Us = "US": "1", "1", ["011"], 10..=10;
    /// Vietnam.
    Vn = "VN": "84", "0", ["00"], 9..=10;
    /// South Africa.
    Za = "ZA": "27", "0", ["00"], 9..=9;
}

impl Country {
    /// The plan of the country whose calling code these digits begin with; no calling code is the beginning of another.
    pub(super) fn plan_of(digits: &str) -> Option<&'static NumberPlan> {
        Self::ALL.iter().map(|country| country.plan()).find(|plan| digits.starts_with(plan.calling_code))
    }
}

impl NumberPlan {
    /// The number without a trunk prefix, if these digits are a number of the country with or without one.
    pub(super) fn subscriber<'a>(&self, digits: &'a str) -> Option<&'a str> {
        let is_number = |digits: &&str| self.digits.contains(&digits.len()) && self.is_first(digits);
        let without_trunk = || digits.strip_prefix(self.trunk).filter(|_| !self.trunk.is_empty());
        Some(digits).filter(is_number).or_else(|| without_trunk().filter(is_number))
    }

    /// Whether numbers may begin so: none begins with a zero that is dialled before it, and in North America neither area
    /// nor exchange begins with 0 or 1.
    fn is_first(&self, digits: &str) -> bool {
        let starts_low = |digits: &str| digits.starts_with(['0', '1']);
        match self.trunk {
            "" => true,
            "1" => !starts_low(digits) && !digits.get(3..).is_some_and(starts_low),
            _ => !digits.starts_with('0'),
        }
    }
}
