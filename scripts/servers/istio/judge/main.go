// Command judge answers what istiod's own code would do with a request from one cluster of a mesh
// to a service in another: it reads questions, one JSON object a line, and writes an answer for each.
//
// A question has all objects of the clusters, as the API server gives them. Endpoints are made of
// Services and Pods as the controller of Kubernetes does; all else is Istio's own code. It knows
// nothing of certificates, firewalls and Envoy itself.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"istio.io/istio/pkg/log"
	"istio.io/istio/pkg/test"
)

// Question asks whether requests of pods in a namespace of From reach pods of a service in To.
type Question struct {
	From      string                       `json:"from"`
	To        string                       `json:"to"`
	Namespace string                       `json:"namespace"`
	Service   string                       `json:"service"`
	Client    string                       `json:"client"` // namespace of the callers
	Flat      bool                         `json:"flat"`   // whether pods reach each other by address
	Clusters  map[string][]json.RawMessage `json:"clusters"`
}

// Answer says whether some requests do, and if none does, what stops them.
type Answer struct {
	Reaches bool   `json:"reaches"`
	Why     string `json:"why"`
}

func main() {
	for _, scope := range log.Scopes() {
		scope.SetOutputLevel(log.NoneLevel)
	}
	in, out := bufio.NewReader(os.Stdin), json.NewEncoder(os.Stdout)
	decoder := json.NewDecoder(in)
	for decoder.More() {
		var question Question
		err := decoder.Decode(&question)
		var answer Answer
		if err == nil {
			err = test.Wrap(func(t test.Failer) { answer = judge(t, &question) })
		}
		if err == nil {
			err = out.Encode(answer)
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "judge: %v\n", err)
			os.Exit(1)
		}
	}
}

func no(format string, args ...any) Answer { return Answer{Why: fmt.Sprintf(format, args...)} }
