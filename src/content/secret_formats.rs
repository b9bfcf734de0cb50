//! What the keys and tokens of known services look like, as their documentation says or as the services write them.

/// The characters of a part.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Chars {
    Digit,
    Hex,
    /// Upper-case letters and digits.
    Upper,
    Alnum,
    /// Those of base64url.
    Url,
}

/// A part of a token: a text, or characters and how many of them.
#[derive(Clone, Copy)]
pub(super) enum Part {
    Text(&'static str),
    Run(Chars, usize, usize),
}

use Chars::{Alnum, Digit, Hex, Upper, Url};
use Part::{Run, Text};

pub(super) struct TokenFormat {
    pub(super) prefix: &'static str,
    pub(super) parts: &'static [Part],
}

const fn format(prefix: &'static str, parts: &'static [Part]) -> TokenFormat {
    TokenFormat { prefix, parts }
}

const DASH: Part = Text("-");
const LONG: usize = 400;

pub(super) const FORMATS: &[TokenFormat] = &[
    // Amazon: the names of access keys.
    format("AKIA", &[Run(Upper, 16, 16)]),
    format("ASIA", &[Run(Upper, 16, 16)]),
    format("ABIA", &[Run(Upper, 16, 16)]),
    format("ACCA", &[Run(Upper, 16, 16)]),
    // GitHub and GitLab.
    format("ghp_", &[Run(Alnum, 36, 251)]),
    format("gho_", &[Run(Alnum, 36, 251)]),
    format("ghu_", &[Run(Alnum, 36, 251)]),
    format("ghs_", &[Run(Alnum, 36, 251)]),
    format("ghr_", &[Run(Alnum, 36, 251)]),
    format("github_pat_", &[Run(Alnum, 22, 22), Text("_"), Run(Alnum, 59, 59)]),
    format("glpat-", &[Run(Url, 20, LONG)]),
    format("gldt-", &[Run(Url, 20, LONG)]),
    format("glrt-", &[Run(Url, 20, LONG)]),
    format("glptt-", &[Run(Hex, 40, 40)]),
    // Slack.
    format("xoxa-", &[Run(Digit, 1, 14), DASH, Run(Url, 20, LONG)]),
    format("xoxb-", &[Run(Digit, 9, 14), DASH, Run(Url, 20, LONG)]),
    format("xoxe-", &[Run(Digit, 1, 14), DASH, Run(Url, 20, LONG)]),
    format("xoxp-", &[Run(Digit, 9, 14), DASH, Run(Url, 20, LONG)]),
    format("xoxr-", &[Run(Digit, 1, 14), DASH, Run(Url, 20, LONG)]),
    format("xoxs-", &[Run(Digit, 9, 14), DASH, Run(Url, 20, LONG)]),
    format("xapp-", &[Run(Digit, 1, 1), DASH, Run(Upper, 9, 12), DASH, Run(Digit, 10, 14), DASH, Run(Hex, 64, 64)]),
    format(
        "https://hooks.slack.com/services/",
        &[Text("T"), Run(Upper, 8, 12), Text("/B"), Run(Upper, 8, 12), Text("/"), Run(Alnum, 24, 24)],
    ),
    // Models.
    format("sk-ant-", &[Run(Alnum, 5, 8), DASH, Run(Url, 80, 120)]),
    format("sk-proj-", &[Run(Url, 40, LONG)]),
    format("sk-svcacct-", &[Run(Url, 40, LONG)]),
    format("sk-admin-", &[Run(Url, 40, LONG)]),
    format("sk-or-v1-", &[Run(Hex, 64, 64)]),
    format("hf_", &[Run(Alnum, 34, 40)]),
    format("r8_", &[Run(Alnum, 37, 37)]),
    format("gsk_", &[Run(Alnum, 52, 52)]),
    format("xai-", &[Run(Alnum, 70, 90)]),
    format("pplx-", &[Run(Alnum, 40, 64)]),
    // Payments.
    format("sk_live_", &[Run(Alnum, 24, 247)]),
    format("sk_test_", &[Run(Alnum, 24, 247)]),
    format("rk_live_", &[Run(Alnum, 24, 247)]),
    format("rk_test_", &[Run(Alnum, 24, 247)]),
    format("whsec_", &[Run(Alnum, 32, 64)]),
    format("sq0atp-", &[Run(Url, 22, 22)]),
    format("sq0csp-", &[Run(Url, 43, 43)]),
    // Google.
    format("AIza", &[Run(Url, 35, 35)]),
    format("GOCSPX-", &[Run(Url, 28, 28)]),
    format("ya29.", &[Run(Url, 40, LONG)]),
    // Packages.
    format("npm_", &[Run(Alnum, 36, 36)]),
    format("pypi-AgEIcHlwaS5vcmc", &[Run(Url, 50, LONG)]),
    format("rubygems_", &[Run(Hex, 48, 48)]),
    format("dckr_pat_", &[Run(Url, 27, 40)]),
    // Hosts and infrastructure.
    format("dop_v1_", &[Run(Hex, 64, 64)]),
    format("doo_v1_", &[Run(Hex, 64, 64)]),
    format("dor_v1_", &[Run(Hex, 64, 64)]),
    format("hvs.", &[Run(Url, 90, LONG)]),
    format("hvb.", &[Run(Url, 90, LONG)]),
    format("dp.pt.", &[Run(Alnum, 40, 44)]),
    format("dp.st.", &[Run(Url, 40, 80)]),
    format("dapi", &[Run(Hex, 32, 32)]),
    format("sbp_", &[Run(Hex, 40, 40)]),
    format("pscale_tkn_", &[Run(Url, 32, 64)]),
    format("pscale_pw_", &[Run(Url, 32, 64)]),
    format("fo1_", &[Run(Url, 43, 43)]),
    format("glsa_", &[Run(Alnum, 32, 32), Text("_"), Run(Hex, 8, 8)]),
    format("sntryu_", &[Run(Hex, 64, 64)]),
    format("NRAK-", &[Run(Upper, 27, 27)]),
    format("PMAK-", &[Run(Hex, 24, 24), DASH, Run(Hex, 34, 34)]),
    format("AGE-SECRET-KEY-1", &[Run(Upper, 58, 58)]),
    // Mail, shops and the rest.
    format("SG.", &[Run(Url, 22, 22), Text("."), Run(Url, 43, 43)]),
    format("SK", &[Run(Hex, 32, 32)]),
    format("key-", &[Run(Hex, 32, 32)]),
    format("shpat_", &[Run(Hex, 32, 32)]),
    format("shpca_", &[Run(Hex, 32, 32)]),
    format("shppa_", &[Run(Hex, 32, 32)]),
    format("shpss_", &[Run(Hex, 32, 32)]),
    format("lin_api_", &[Run(Alnum, 40, 40)]),
    format("ntn_", &[Run(Alnum, 46, 46)]),
    format("figd_", &[Run(Url, 40, 44)]),
    format("ATATT3", &[Run(Url, 170, LONG)]),
];
