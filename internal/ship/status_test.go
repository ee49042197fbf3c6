package ship

import "testing"

func TestStatusShowsAServerThatIsConnected(t *testing.T) {
	servers := []ServerStatus{{Address: "a", State: ServerFailed}, {Address: "b", State: ServerConnected, Protocol: "p"}, {Address: "c", State: ServerConnected}}
	for last, want := range map[string]string{"a": "b", "b": "b", "c": "c", "": "b"} {
		st := Status{Server: last, Servers: servers}
		if st.showConnected(); st.Server != want || (last == "a" && st.Protocol != "p") {
			t.Errorf("%q tried last: %+v", last, st)
		}
	}
	st := Status{Server: "a", Servers: servers[:1]}
	if st.showConnected(); st.Server != "a" {
		t.Errorf("%+v", st)
	}
}
