"""Values of results that identify no person or company: placeholders, and domains in common use.

This is the one place to change them. Raise `RULES` in `views/people/changed.py` then, so that all
results are read again.
"""

from __future__ import annotations

__all__ = ["EXCLUDED_DOMAINS", "PLACEHOLDERS", "PLACEHOLDER_HANDLES", "SHARED_BELOW"]

PLACEHOLDERS = (
    *(
        "",
        "-",
        "--",
        "-1",
        "---",
        ".",
        "..",
        "?",
        "/",
        "0",
        "n/a",
        "#n/a",
        "na",
        "n.a.",
        "n.a",
        "nan",
    ),
    *("none", "null", "nil", "undefined", "unknown", "not available", "not found", "not_found"),
    *("true", "false", "yes", "no", "xxx", "tbd", "anonymous", "linkedin member", "private"),
    *("missing", "empty", "error", "#error", "#ref!", "#value!", "(null)", "<null>", "unavailable"),
)
"""Values, in lower case, that stand for none."""
PLACEHOLDER_HANDLES = (
    *PLACEHOLDERS,
    *("me", "profile", "view", "edit", "headless", "out-of-network", "linkedin-member"),
    *("company", "setup", "login", "n%2fa", "example", "n"),
)
"""Handles in URLs that stand for nobody; `n` is what is left of `n/a`."""
EXCLUDED_DOMAINS = (
    *("gmail.com", "googlemail.com", "yahoo.com", "yahoo.fr", "yahoo.co.uk", "yahoo.de"),
    *("yahoo.es", "yahoo.it", "yahoo.co.in", "ymail.com", "rocketmail.com", "hotmail.com"),
    *("hotmail.fr", "hotmail.co.uk", "hotmail.de", "hotmail.it", "hotmail.es", "outlook.com"),
    *("outlook.fr", "outlook.de", "outlook.es", "live.com", "live.fr", "live.co.uk", "msn.com"),
    *("icloud.com", "me.com", "mac.com", "aol.com", "gmx.de", "gmx.net", "gmx.com", "gmx.at"),
    *("gmx.ch", "web.de", "t-online.de", "freenet.de", "proton.me", "protonmail.com", "pm.me"),
    *("orange.fr", "wanadoo.fr", "free.fr", "sfr.fr", "laposte.net", "neuf.fr", "bbox.fr"),
    *("libero.it", "virgilio.it", "tiscali.it", "alice.it", "mail.ru", "yandex.ru", "yandex.com"),
    *("bk.ru", "list.ru", "inbox.ru", "rambler.ru", "qq.com", "163.com", "126.com", "sina.com"),
    *("foxmail.com", "naver.com", "daum.net", "hanmail.net", "rediffmail.com", "zoho.com"),
    *("zohomail.com", "fastmail.com", "hey.com", "mail.com", "email.com", "tutanota.com"),
    *("comcast.net", "verizon.net", "att.net", "sbcglobal.net", "bellsouth.net", "cox.net"),
    *("btinternet.com", "sky.com", "ntlworld.com", "uol.com.br", "bol.com.br", "terra.com.br"),
    *("bluewin.ch", "skynet.be", "telenet.be", "ziggo.nl", "kpnmail.nl", "planet.nl", "wp.pl"),
    *("o2.pl", "onet.pl", "interia.pl", "seznam.cz", "centrum.cz", "abv.bg", "ukr.net"),
    *("linkedin.com", "lnkd.in", "facebook.com", "fb.com", "instagram.com", "twitter.com"),
    *("x.com", "t.co", "youtube.com", "youtu.be", "tiktok.com", "pinterest.com", "github.com"),
    *("medium.com", "linktr.ee", "bit.ly", "google.com", "goo.gl", "maps.app.goo.gl", "g.page"),
    *("crunchbase.com", "wikipedia.org", "yelp.com", "tripadvisor.com", "booking.com"),
    *("amazon.com", "etsy.com", "ebay.com", "calendly.com", "notion.so", "whatsapp.com", "wa.me"),
    *("telegram.me", "t.me", "reddit.com", "vimeo.com", "behance.net", "dribbble.com"),
    *("wixsite.com", "wix.com", "wordpress.com", "blogspot.com", "weebly.com", "webflow.io"),
    *("squarespace.com", "myshopify.com", "herokuapp.com", "vercel.app", "netlify.app"),
    *("github.io", "pages.dev", "web.app", "firebaseapp.com", "business.site", "carrd.co"),
)
"""Domains that many companies have in common: of free e-mail, social networks and hosts. Those
below a domain of a host, such as `acme.wixsite.com`, are not among them; see `SHARED_BELOW`."""
SHARED_BELOW = ("linkedin.com", "facebook.com", "google.com", "instagram.com", "twitter.com")
