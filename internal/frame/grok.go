package frame

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// grokPatterns are Logstash's, as far as they serve to recognise the beginning or
// the end of a line, in RE2's words.
var grokPatterns = map[string]string{
	"USERNAME": `[a-zA-Z0-9._-]+`, "USER": `%{USERNAME}`,
	"INT": `(?:[+-]?(?:[0-9]+))`, "BASE10NUM": `(?:[+-]?(?:(?:[0-9]+(?:\.[0-9]+)?)|(?:\.[0-9]+)))`, "NUMBER": `(?:%{BASE10NUM})`,
	"BASE16NUM": `(?:0[xX]?)?[0-9a-fA-F]+`, "POSINT": `\b(?:[1-9][0-9]*)\b`, "NONNEGINT": `\b(?:[0-9]+)\b`,
	"WORD": `\b\w+\b`, "NOTSPACE": `\S+`, "SPACE": `\s*`, "DATA": `.*?`, "GREEDYDATA": `.*`,
	"QUOTEDSTRING": `(?:"(?:\\.|[^\\"])*"|'(?:\\.|[^\\'])*')`, "QS": `%{QUOTEDSTRING}`,
	"UUID": `[A-Fa-f0-9]{8}-(?:[A-Fa-f0-9]{4}-){3}[A-Fa-f0-9]{12}`,
	"IPV4": `(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)`, "IPV6": `(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f.]{0,15}`,
	"IP": `(?:%{IPV6}|%{IPV4})`, "HOSTNAME": `\b(?:[0-9A-Za-z][0-9A-Za-z-]{0,62})(?:\.(?:[0-9A-Za-z][0-9A-Za-z-]{0,62}))*\.?`,
	"HOST": `%{HOSTNAME}`, "IPORHOST": `(?:%{IP}|%{HOSTNAME})`, "HOSTPORT": `%{IPORHOST}:%{POSINT}`,
	"MAC":  `(?:[A-Fa-f0-9]{2}[:-]){5}[A-Fa-f0-9]{2}`,
	"PATH": `(?:%{UNIXPATH}|%{WINPATH})`, "UNIXPATH": `(?:/[\w_%!$@:.,+~-]*)+`, "WINPATH": `(?:[A-Za-z]+:|\\)(?:\\[^\\?*]*)+`,
	"MONTH":    `\b(?:[Jj]an(?:uary|uar)?|[Ff]eb(?:ruary|ruar)?|[Mm](?:a|ä)?r(?:ch|z)?|[Aa]pr(?:il)?|[Mm]a(?:y|i)?|[Jj]un(?:e|i)?|[Jj]ul(?:y|i)?|[Aa]ug(?:ust)?|[Ss]ep(?:tember)?|[Oo](?:c|k)?t(?:ober)?|[Nn]ov(?:ember)?|[Dd]e(?:c|z)(?:ember)?)\b`,
	"MONTHNUM": `(?:0?[1-9]|1[0-2])`, "MONTHNUM2": `(?:0[1-9]|1[0-2])`, "MONTHDAY": `(?:(?:0[1-9])|(?:[12][0-9])|(?:3[01])|[1-9])`,
	"DAY": `(?:Mon(?:day)?|Tue(?:sday)?|Wed(?:nesday)?|Thu(?:rsday)?|Fri(?:day)?|Sat(?:urday)?|Sun(?:day)?)`, "YEAR": `(?:\d\d){1,2}`,
	"HOUR": `(?:2[0123]|[01]?[0-9])`, "MINUTE": `(?:[0-5][0-9])`, "SECOND": `(?:(?:[0-5]?[0-9]|60)(?:[:.,][0-9]+)?)`,
	"TIME": `%{HOUR}:%{MINUTE}(?::%{SECOND})?`, "DATE_US": `%{MONTHNUM}[/-]%{MONTHDAY}[/-]%{YEAR}`, "DATE_EU": `%{MONTHDAY}[./-]%{MONTHNUM}[./-]%{YEAR}`,
	"ISO8601_TIMEZONE": `(?:Z|[+-]%{HOUR}(?::?%{MINUTE}))`, "ISO8601_SECOND": `%{SECOND}`,
	"TIMESTAMP_ISO8601": `%{YEAR}-%{MONTHNUM}-%{MONTHDAY}[T ]%{HOUR}:?%{MINUTE}(?::?%{SECOND})?%{ISO8601_TIMEZONE}?`,
	"DATE":              `(?:%{DATE_US}|%{DATE_EU})`, "DATESTAMP": `%{DATE}[- ]%{TIME}`, "TZ": `(?:[APMCE][SD]T|UTC|GMT|CES?T)`,
	"DATESTAMP_RFC822":  `%{DAY} %{MONTH} %{MONTHDAY} %{YEAR} %{TIME} %{TZ}`,
	"DATESTAMP_RFC2822": `%{DAY}, %{MONTHDAY} %{MONTH} %{YEAR} %{TIME} %{ISO8601_TIMEZONE}`,
	"DATESTAMP_OTHER":   `%{DAY} %{MONTH} %{MONTHDAY} %{TIME} %{TZ} %{YEAR}`, "DATESTAMP_EVENTLOG": `%{YEAR}%{MONTHNUM2}%{MONTHDAY}%{HOUR}%{MINUTE}%{SECOND}`,
	"SYSLOGTIMESTAMP": `%{MONTH} +%{MONTHDAY} %{TIME}`, "HTTPDATE": `%{MONTHDAY}/%{MONTH}/%{YEAR}:%{TIME} %{INT}`,
	"PROG": `[\x21-\x5a\x5c\x5e-\x7e]+`, "SYSLOGPROG": `%{PROG}(?:\[%{POSINT}\])?`, "SYSLOGHOST": `%{IPORHOST}`,
	"SYSLOGBASE":         `%{SYSLOGTIMESTAMP} (?:<%{NONNEGINT}.%{NONNEGINT}> )?%{SYSLOGHOST} %{SYSLOGPROG}:`,
	"LOGLEVEL":           `(?i:alert|trace|debug|notice|info(?:rmation)?|warn(?:ing)?|err(?:or)?|crit(?:ical)?|fatal|severe|emerg(?:ency)?)`,
	"CATALINA_DATESTAMP": `%{MONTH} %{MONTHDAY}, %{YEAR} %{HOUR}:?%{MINUTE}(?::?%{SECOND}) (?:AM|PM)`,
	"TOMCAT_DATESTAMP":   `%{YEAR}-%{MONTHNUM}-%{MONTHDAY} %{HOUR}:?%{MINUTE}(?::?%{SECOND}) %{ISO8601_TIMEZONE}`,
	"JAVACLASS":          `(?:[a-zA-Z$_][a-zA-Z$_0-9]*\.)*[a-zA-Z$_][a-zA-Z$_0-9]*`, "JAVATHREAD": `(?:[A-Z]{2}-Processor[\d]+)`,
	"RUBY_LOGLEVEL": `(?:DEBUG|FATAL|ERROR|WARN|INFO)`, "PYTHON_LOGLEVEL": `(?:DEBUG|INFO|WARNING|ERROR|CRITICAL)`,
}

var grokName = regexp.MustCompile(`%\{([^}]*)\}`)

// grokNames are the names that %{…} may have.
func grokNames() []string { return slices.Sorted(maps.Keys(grokPatterns)) }

// expandGrok puts the patterns in the place of their names; %{NAME:field} is
// %{NAME}.
func expandGrok(pattern string) (string, error) {
	var bad string
	for depth := 0; ; depth++ {
		if !strings.Contains(pattern, "%{") {
			return pattern, nil
		}
		done := true
		pattern = grokName.ReplaceAllStringFunc(pattern, func(ref string) string {
			name, _, _ := strings.Cut(ref[2:len(ref)-1], ":")
			p, ok := grokPatterns[name]
			if !ok {
				bad = name
				return ref
			}
			done = false
			return "(?:" + p + ")"
		})
		if bad != "" {
			return "", fmt.Errorf("frame: multi-line: %%{%s} is not known; write a regular expression in its place, or one of %s", bad, strings.Join(grokNames(), " "))
		}
		if done || depth > 8 {
			return pattern, nil // a %{ that is not closed is text
		}
	}
}
